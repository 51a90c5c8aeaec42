//! Pages of images that no file has to exist for.

