"""``python -m connector`` is the command line."""

from connector.admin.cli import main

main()
