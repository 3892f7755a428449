"""What functions gave, judged: in one dtype, and what casts inside of them leave."""
