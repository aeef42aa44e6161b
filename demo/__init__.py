"""What `make demo` needs."""
