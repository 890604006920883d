"""The peers, each with the best settings that its users know: fused AdamW, `set_to_none`, no logging."""
