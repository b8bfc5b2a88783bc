"""datamix: from raw text to the training mixture of a language model, with every choice explained."""

__version__ = "0.1.0"
