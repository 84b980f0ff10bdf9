// The link test of a folder (polis.cmake): that it links is all that is asked.
int main() { return 0; }
