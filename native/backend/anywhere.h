#pragma once

/** Marks a function that runs on host and device alike; to every compiler but nvcc it means nothing. */
#ifdef __CUDACC__
#define CONVSWEEP_ANYWHERE __host__ __device__
#else
#define CONVSWEEP_ANYWHERE
#endif
