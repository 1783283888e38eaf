"""Files as header readers and FFmpeg read them: whole, in part, or up to a limit."""

import os
from typing import Protocol


class ByteSource(Protocol):
    """A file that is open for reading, or behaves like one."""

    def read(self, size: int = -1, /) -> bytes:
        """Return at most `size` bytes from the position on."""
        ...

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Set the position and return it."""
        ...

    def tell(self) -> int:
        """Return the position."""
        ...


class Excerpt:
    """A part of an open file that reads like a file of its own, behind a header that may be given.

    It has no name, since FFmpeg would go by the suffix.
    """

    def __init__(self, file: ByteSource, start: int, stop: int | None = None, *, header: bytes = b"") -> None:
        self._file, self._start, self._header = file, start, header
        self._size = len(header) + (file.seek(0, os.SEEK_END) if stop is None else stop) - start
        self._position = 0

    def read(self, size: int = -1) -> bytes:
        """Return at most `size` bytes from the position on."""
        left = max(0, self._size - self._position)
        if self._position < len(self._header):
            left = len(self._header) - self._position
        size = left if size < 0 else min(size, left)
        if self._position < len(self._header):
            content = self._header[self._position : self._position + size]
        else:
            self._file.seek(self._start + self._position - len(self._header))
            content = self._file.read(size)
        self._position += len(content)
        return content

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Set the position and return it."""
        self._position = offset + (0, self._position, self._size)[whence]
        return self._position

    def tell(self) -> int:
        """Return the position."""
        return self._position


class ReadLimitReached(Exception):
    """More of a file would have to be read than allowed."""


class LimitedSource:
    """An open file of which only so many bytes may be read: a sparse file may have any size."""

    def __init__(self, file: ByteSource, most: int) -> None:
        self._file, self._left = file, most
        self.seek, self.tell = file.seek, file.tell

    def read(self, size: int = -1) -> bytes:
        """Return at most `size` bytes from the position on; ReadLimitReached beyond the limit."""
        content = self._file.read(self._left + 1 if size < 0 else size)
        self._left -= len(content)
        if self._left < 0:
            raise ReadLimitReached
        return content
