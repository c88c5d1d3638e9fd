//! The watch against a mocked API server.
