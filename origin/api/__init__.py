"""The API's HTTP face: one subject of Cloudinary's Upload, Admin and Search API a file."""
