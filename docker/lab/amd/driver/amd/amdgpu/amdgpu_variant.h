/* Nothing special: it compiles. */
