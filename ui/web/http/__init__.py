"""What stands before every route: limits, access, headers, uploads, capacity, logs. It knows no page."""
