"""Labelled texts that every Python has: paragraphs of its documentation, and pieces of its library's source."""

from __future__ import annotations

import inspect
import json.decoder
import shutil
import textwrap
from pydoc_data.topics import topics

import pyarrow as pa

from datamix.training.labelled import Labelled


def labelled(each: int = 250) -> Labelled:
    """Return `each` paragraphs labelled `prose` and as many pieces of source labelled `code`."""
    prose = [part for topic in topics.values() for part in topic.split("\n\n") if len(part.split()) >= 15][:each]
    modules = (inspect, shutil, textwrap, json.decoder)
    lines = [line for module in modules for line in inspect.getsource(module).splitlines() if line.strip()]
    code = ["\n".join(lines[i : i + 12]) for i in range(0, len(lines), 12)][:each]
    texts = pa.array(prose + code, pa.large_string())
    return Labelled(texts, ["prose"] * len(prose) + ["code"] * len(code))
