"""How large an upload may be: the header ``x-goog-content-length-range``.

Source: https://cloud.google.com/storage/docs/xml-api/reference-headers#xgoogcontentlengthrange
"""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Self

from .xml_errors import XmlError, invalid_argument

_FORM = re.compile(r"\s*(\d{1,15})\s*,\s*(\d{1,15})\s*", re.ASCII)


@dataclass(frozen=True)
class SizeRange:
    """From ``least`` to ``most`` bytes, both allowed."""

    least: int
    most: int

    @classmethod
    def parse(cls, header: str) -> Self:
        """Read ``MIN,MAX``.

        Raises:
            XmlError: InvalidArgument, it is something else.
        """
        numbers = _FORM.fullmatch(header)
        if not numbers or int(numbers[1]) > int(numbers[2]):
            raise invalid_argument(f"x-goog-content-length-range must be MIN,MAX, not {header!r}")
        return cls(int(numbers[1]), int(numbers[2]))

    async def guard(self, body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """The body, as long as it keeps to the range.

        Raises:
            XmlError: EntityTooLarge as soon as it is, or EntityTooSmall at its end.
        """
        size = 0
        async for chunk in body:
            size += len(chunk)
            if size > self.most:
                raise XmlError(
                    400, "EntityTooLarge", "Your proposed upload is too large.", MaxSizeAllowed=str(self.most)
                )
            yield chunk
        if size < self.least:
            raise XmlError(
                400, "EntityTooSmall", "Your proposed upload is too small.", MinSizeAllowed=str(self.least)
            )


ANY_SIZE = SizeRange(0, 5 * 1024**4)
"""What an object can have at most: https://cloud.google.com/storage/quotas#objects."""
