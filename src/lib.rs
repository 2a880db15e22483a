//! liveroot
