"""Co-sell connector between Salesforce and AWS Partner Central."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("ace-connector")
except PackageNotFoundError:  # a source tree that was never installed
    __version__ = "0"
