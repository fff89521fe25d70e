/** What a deflated byte can become at most: a header that claims more for a file is wrong before anything is inflated. */
export const MAX_DEFLATE = 1032;
