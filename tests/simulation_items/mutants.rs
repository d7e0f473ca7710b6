//! A deliberately broken engine must be caught.
