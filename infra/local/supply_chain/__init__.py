"""A partner's supply-chain API that can be made as unreliable as such APIs are: HTTP and JSON on a port of its own.

It keeps the versions of every product and refuses to go back. A repetition, of a key or of the latest version with the
same content, is answered as the first time; the same version with other content is refused like an older one.

Unlike a real partner's: keys are remembered for ever, and of a product's content only that it is an object is checked.
"""

from .service import SupplyChainService

__all__ = ["SupplyChainService"]
