// Compiles the headers that all tests share, once: see tests/CMakeLists.txt.
