"""Windows that slide over signals, images and volumes."""
