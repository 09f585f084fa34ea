"""The addresses at which a name's server is."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from functions.images.addresses import is_public
from functions.images.sources import SourceRefusedError
from shared.errors import TransientError

# Takes a name, or an address in any notation that the system knows, and a port; gives addresses, the best first.
# Raises socket.gaierror, or UnicodeError for what cannot be a name.
Resolve = Callable[[str, int], Awaitable[list[str]]]

# The answers that say no, as against those that say that nobody answered. A nameserver's no stands until its owner
# changes something, and then the image can be asked for again: to try six times in between would change nothing.
_NO_SUCH_NAME = frozenset({socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)})


# A look-up cannot be broken off. In threads of their own, those that hang hold up nothing but other look-ups.
_threads = ThreadPoolExecutor(8, thread_name_prefix="resolve")


async def system_resolve(name: str, port: int) -> list[str]:
    """Ask the system."""
    look_up = partial(socket.getaddrinfo, name, port, type=socket.SOCK_STREAM)
    found = await asyncio.get_running_loop().run_in_executor(_threads, look_up)
    return [str(address[0]) for *_, address in found]


async def addresses_of(name: str, port: int, resolve: Resolve) -> list[str]:
    """All addresses of ``name``, the best first.

    Raises:
        SourceRefusedError: ``unknown-host``.
        TransientError: the name cannot be looked up now.
    """
    try:
        found = await resolve(name, port)
    except UnicodeError as error:
        raise SourceRefusedError("unknown-host", f"{name} cannot be the name of a server.") from error
    except socket.gaierror as error:
        if error.errno in _NO_SUCH_NAME:
            raise SourceRefusedError("unknown-host", f"There is no server {name}.") from error
        raise TransientError(f"The name {name} cannot be looked up now: {error.strerror}.") from error
    if not found:
        raise SourceRefusedError("unknown-host", f"There is no server {name}.")
    return found


async def public_addresses_of(name: str, port: int, resolve: Resolve) -> list[str]:
    """As ``addresses_of``, for a stranger's name: one address that is not public spoils them all.

    Raises:
        SourceRefusedError: ``private-address`` too.
    """
    found = await addresses_of(name, port, resolve)
    if not all(map(is_public, found)):
        # Which address it is stays unsaid: it would tell a stranger about the inside of a network.
        raise SourceRefusedError("private-address", f"{name} is not a server on the public internet.")
    return found
