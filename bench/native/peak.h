#pragma once

#include <cstdint>
#include <ctime>

namespace convsweep::bench {

/**
 * Processor time of this thread: what other programs take does not count, what they do to caches and clock
 * does.
 */
inline double now() {
  timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}
inline double seconds(double from) {
  return now() - from;
}

#if defined(__x86_64__)
#define CONVSWEEP_PEAK_TARGET __attribute__((target("avx2,fma")))
constexpr int kPeakLanes = 8;
#else
#define CONVSWEEP_PEAK_TARGET
constexpr int kPeakLanes = 4;
#endif
/** Fused multiply-adds on registers only, in GFLOP/s, for about 20 ms. */
CONVSWEEP_PEAK_TARGET inline double peak() {
  typedef float V __attribute__((vector_size(kPeakLanes * sizeof(float))));
  V sum[12];
#pragma GCC unroll 12
  for (int i = 0; i < 12; ++i) sum[i] = V{} + 1.0f;
  V a = V{} + 0.999f, b = V{} + 1e-3f;
  const auto start = now();
  uint64_t rounds = 0;
  do {
    for (int k = 0; k < 20000; ++k) {
#pragma GCC unroll 12
      for (int i = 0; i < 12; ++i) {
        sum[i] = sum[i] * a + b;
#if defined(__x86_64__)
        asm volatile("" : "+x"(sum[i]));
#else
        asm volatile("" : "+w"(sum[i]));
#endif
      }
    }
    rounds += 20000;
  } while (seconds(start) < 0.02);
  const double time = seconds(start);
#pragma GCC unroll 12
  for (int i = 1; i < 12; ++i) sum[0] += sum[i];
  volatile float sink = sum[0][0];
  (void)sink;
  return static_cast<double>(rounds) * 12 * 2 * kPeakLanes / time / 1e9;
}

}  // namespace convsweep::bench
