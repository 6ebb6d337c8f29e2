"""The web pages: the same operations as ``connector mapping``, server-rendered, without scripts of others."""
