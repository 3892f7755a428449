"""How the numbers that a function is handed lie in memory."""
