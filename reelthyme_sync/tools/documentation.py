"""What a docstring says, taken apart: the text, and what each parameter or attribute is."""

from __future__ import annotations

from collections.abc import Mapping

import attrs


@attrs.frozen
class Documentation:
    """A docstring in Google, NumPy or reST style: its text without the sections, and a line for each parameter."""

    text: str = ""
    parameters: Mapping[str, str] = attrs.field(factory=dict)

    @classmethod
    def of(cls, docstring: str | None) -> Documentation:
        """Read a docstring; without one, all is empty."""
        import docstring_parser

        parsed = docstring_parser.parse(docstring or "")
        found = {}
        for parameter in parsed.params:
            for name in parameter.arg_name.split(","):  # NumPy documents several at once
                found[name.strip()] = " ".join((parameter.description or "").split())
        return cls((parsed.description or "").strip(), {name: line for name, line in found.items() if line})
