"""What error each of torch's operations makes."""
