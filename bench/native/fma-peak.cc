// The machine's ceiling: float32 multiply-adds between registers, nothing else. Compiled for the machine it
// runs on.
//   fma-peak MILLISECONDS   prints the GFLOP/s of one thread, then of two threads together
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

#if defined(__AVX512F__)
#define VECTOR_REGISTER "v"
constexpr int kLanes = 16;
#elif defined(__AVX__)
#define VECTOR_REGISTER "x"
constexpr int kLanes = 8;
#elif defined(__x86_64__)
#define VECTOR_REGISTER "x"
constexpr int kLanes = 4;
#else
#define VECTOR_REGISTER "w"
constexpr int kLanes = 4;
#endif

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;
typedef float Vector __attribute__((vector_size(kLanes * sizeof(float))));

// Two units of 4 cycles latency need 8 chains that do not wait for each other; 12 fit the 16 registers of
// AVX2.
constexpr int kChains = 12;
constexpr int kRepeats = 20000;
constexpr double kFlops = 2.0 * kLanes * kChains * kRepeats;

static void multiplyAdd() {
  Vector chain[kChains] = {};
  const Vector scale = Vector{} + 0.999f, offset = Vector{} + 1e-3f;
  for (int repeat = 0; repeat < kRepeats; ++repeat) {
#pragma GCC unroll 12
    for (int c = 0; c < kChains; ++c) {
      chain[c] = chain[c] * scale + offset;
      asm volatile("" : "+" VECTOR_REGISTER(chain[c]));
    }
  }
}

/**
 * The sum over threads that all run from `start` to `end`; each counts what it finished, in the time it took.
 */
static double gigaflops(int threads, Clock::time_point start, Seconds length) {
  std::vector<double> rates(threads);
  std::vector<std::thread> workers;
  for (double& rate : rates) {
    workers.emplace_back([&rate, start, length] {
      while (Clock::now() < start) multiplyAdd();
      long rounds = 0;
      const auto began = Clock::now();
      Seconds elapsed{};
      for (; elapsed < length; elapsed = Clock::now() - began) {
        multiplyAdd();
        ++rounds;
      }
      rate = rounds * kFlops / elapsed.count() / 1e9;
    });
  }
  double sum = 0;
  for (int t = 0; t < threads; ++t) {
    workers[t].join();
    sum += rates[t];
  }
  return sum;
}

int main(int, char** arguments) {
  const Seconds length(std::atof(arguments[1]) / 1e3);
  for (int threads : {1, 2}) {
    const auto start = Clock::now() + std::chrono::milliseconds(5);
    std::printf("%.2f\n", gigaflops(threads, start, length));
  }
}
