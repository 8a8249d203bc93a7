"""slocheck: watches an API from outside and proves its SLOs."""

__version__ = "0.1.0"
