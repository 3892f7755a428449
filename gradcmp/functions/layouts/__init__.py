"""Does a function compute the same, however its inputs and cotangents lie in memory?"""
