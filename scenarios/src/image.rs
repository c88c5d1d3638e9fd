//! The agent's image: one static program on an empty root, the same bytes every time.
