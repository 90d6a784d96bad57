"""Embeds the examples of the second reader anew: run it after a change of their YAML files."""

from pathlib import Path

from kata.skills.library.search.encoder import Encoder
from kata.skills.planning.language import examples

if __name__ == "__main__":
    examples.write_examples(Path(examples.__file__).parent / examples.FILE, Encoder())
