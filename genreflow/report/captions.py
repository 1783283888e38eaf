"""Labels and captions for Snakemake's own report, in which no name may become markup."""

import re
from collections.abc import Mapping
from typing import Any

from genreflow.figures.registry import Spec, caption_of, entry_of, title_of
from genreflow.store.text import printable, sanitize_name

_HARMLESS = str.maketrans("<>{}", "‹›()")


def label_of(title: str, study: Mapping[str, Any]) -> str:
    """Return a title for Snakemake's report, marked where the music of the study is synthetic.

    That report inserts labels into a script unescaped and reads braces as wildcards, so brackets replace both.
    """
    title = sanitize_name(title).translate(_HARMLESS)
    return f"{title} (synthetic music)" if study["standin"] else title


def rst_of(spec: Spec, study: Mapping[str, Any]) -> dict[str, str]:
    """Return the parts of a caption of Snakemake's report: reStructuredText in which no name is markup.

    Returns
    -------
    ``title``, ``caption``, ``study`` and ``protocol``, which is empty for figures of several protocols.
    """
    headline = study["headline"] if entry_of(spec).of_headline else None
    protocol = study["protocols"][headline["protocol"]]["title"] if headline else ""
    words = {"title": title_of(spec, study), "caption": caption_of(spec, study), "study": study["title"]}
    return {name: _escaped(text) for name, text in (words | {"protocol": protocol}).items()}


def _escaped(text: str) -> str:
    return re.sub(r"([^\w ]|_)", r"\\\1", printable(" ".join(text.split())))
