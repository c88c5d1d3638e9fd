//! `LogCause` in words.

use crate::observation::LogCause;
use std::fmt;

impl LogCause {
    /// The name as fields and labels show it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Panic => "Panic",
            Self::StackTrace => "StackTrace",
            Self::ConnectionRefused => "ConnectionRefused",
            Self::ConnectionTimeout => "ConnectionTimeout",
            Self::Dns => "Dns",
            Self::Tls => "Tls",
            Self::Auth => "Auth",
            Self::DiskFull => "DiskFull",
            Self::PermissionDenied => "PermissionDenied",
            Self::MissingEnv => "MissingEnv",
            Self::MissingFile => "MissingFile",
            Self::PortInUse => "PortInUse",
            Self::MigrationFailed => "MigrationFailed",
            Self::OutOfMemory => "OutOfMemory",
            Self::BadConfig => "BadConfig",
            Self::Unknown => "Unknown",
        }
    }
}

impl fmt::Display for LogCause {
    /// In plain words, for messages to people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Panic => "the program panicked",
            Self::StackTrace => "an exception was not caught",
            Self::ConnectionRefused => "a connection was refused",
            Self::ConnectionTimeout => "a connection timed out",
            Self::Dns => "a name could not be resolved",
            Self::Tls => "a TLS certificate or handshake was refused",
            Self::Auth => "credentials were refused",
            Self::DiskFull => "a disk is full",
            Self::PermissionDenied => "a permission is missing",
            Self::MissingEnv => "an environment variable is missing",
            Self::MissingFile => "a file is missing",
            Self::PortInUse => "a port is in use",
            Self::MigrationFailed => "a database migration failed",
            Self::OutOfMemory => "memory ran out",
            Self::BadConfig => "the configuration is wrong",
            Self::Unknown => "no known cause",
        })
    }
}
