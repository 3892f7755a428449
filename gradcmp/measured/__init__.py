"""What the frameworks do on this machine, op by op: measured in workers, and kept in files."""
