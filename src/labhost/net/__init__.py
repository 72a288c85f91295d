"""The network of the lab host: data links, addresses, forwarding and address translation."""
