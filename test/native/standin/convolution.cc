#include "standin/convolution.h"

#include <algorithm>

namespace standin {
namespace {

std::vector<float> operand(const float* values, const Packed& tensor, bool tf32) {
  std::vector<float> result(values, values + tensor.size());
  if (tf32) std::transform(result.begin(), result.end(), result.begin(), toTf32);
  return result;
}

/** Calls `use(x index, y index, count)` for each row that one weight (r, s) joins, with the strides in x
 * and y. */
template <typename F>
void rows(const Convolution& it, int r, int s, F use) {
  for (int oy = 0; oy < it.y.h; ++oy) {
    const int iy = oy * it.strideY - it.padY + r;
    if (iy < 0 || iy >= it.x.h) continue;
    int first = 0, last = it.y.w;
    while (first < last && first * it.strideX - it.padX + s < 0) ++first;
    while (last > first && (last - 1) * it.strideX - it.padX + s >= it.x.w) --last;
    use(static_cast<size_t>(iy) * it.x.w + first * it.strideX - it.padX + s,
        static_cast<size_t>(oy) * it.y.w + first, last - first);
  }
}

/** Calls `use(c, r, s, index)` for each weight of filter `k`. */
template <typename F>
void weights(const Packed& w, int k, F use) {
  for (int c = 0; c < w.c; ++c) {
    for (int r = 0; r < w.h; ++r) {
      for (int s = 0; s < w.w; ++s) use(c, r, s, ((static_cast<size_t>(k) * w.c + c) * w.h + r) * w.w + s);
    }
  }
}

size_t plane(const Packed& tensor) {
  return static_cast<size_t>(tensor.h) * tensor.w;
}

}  // namespace

bool Convolution::fits() const {
  const auto out = [](int in, int pad, int window, int stride) {
    return (in + 2 * pad - window) / stride + 1;
  };
  return x.n == y.n && x.c == w.c && y.c == w.n && strideY > 0 && strideX > 0 && padY >= 0 && padX >= 0 &&
         y.h == out(x.h, padY, w.h, strideY) && y.w == out(x.w, padX, w.w, strideX);
}

std::string Convolution::sizes() const {
  std::string text;
  for (const int size : {x.n, x.c, x.h, x.w, y.c, w.h, w.w, strideY, strideX}) {
    text.append(1, ' ').append(std::to_string(size));
  }
  return text;
}

void Convolution::forward(bool tf32, const float* xs, const float* ws, float* ys) const {
  const auto in = operand(xs, x, tf32), filter = operand(ws, w, tf32);
  withSums([&](auto zero) {
    std::vector<decltype(zero)> sums(plane(y));
    for (int n = 0; n < x.n; ++n) {
      for (int k = 0; k < w.n; ++k) {
        sums.assign(sums.size(), zero);
        weights(w, k, [&](int c, int r, int s, size_t index) {
          const auto weight = decltype(zero){filter[index]};
          const float* const from = in.data() + (static_cast<size_t>(n) * x.c + c) * plane(x);
          rows(*this, r, s, [&](size_t xi, size_t yi, int count) {
            for (int i = 0; i < count; ++i)
              sums[yi + i] += weight * from[xi + static_cast<size_t>(i) * strideX];
          });
        });
        float* const to = ys + (static_cast<size_t>(n) * y.c + k) * plane(y);
        for (size_t i = 0; i < sums.size(); ++i) blend(alpha, sums[i], beta, to[i]);
      }
    }
  });
}

void Convolution::backwardData(bool tf32, float* dxs, const float* ws, const float* dys) const {
  const auto filter = operand(ws, w, tf32), out = operand(dys, y, tf32);
  withSums([&](auto zero) {
    std::vector<decltype(zero)> sums(plane(x) * x.c);
    for (int n = 0; n < x.n; ++n) {
      sums.assign(sums.size(), zero);
      for (int k = 0; k < w.n; ++k) {
        const float* const from = out.data() + (static_cast<size_t>(n) * y.c + k) * plane(y);
        weights(w, k, [&](int c, int r, int s, size_t index) {
          const auto weight = decltype(zero){filter[index]};
          auto* const to = sums.data() + static_cast<size_t>(c) * plane(x);
          rows(*this, r, s, [&](size_t xi, size_t yi, int count) {
            for (int i = 0; i < count; ++i)
              to[xi + static_cast<size_t>(i) * strideX] += weight * from[yi + i];
          });
        });
      }
      float* const to = dxs + static_cast<size_t>(n) * sums.size();
      for (size_t i = 0; i < sums.size(); ++i) blend(alpha, sums[i], beta, to[i]);
    }
  });
}

void Convolution::backwardFilter(bool tf32, const float* xs, float* dws, const float* dys) const {
  const auto in = operand(xs, x, tf32), out = operand(dys, y, tf32);
  withSums([&](auto zero) {
    for (int k = 0; k < w.n; ++k) {
      weights(w, k, [&](int c, int r, int s, size_t index) {
        auto sum = zero;
        for (int n = 0; n < x.n; ++n) {
          const float* const from = in.data() + (static_cast<size_t>(n) * x.c + c) * plane(x);
          const float* const with = out.data() + (static_cast<size_t>(n) * y.c + k) * plane(y);
          rows(*this, r, s, [&](size_t xi, size_t yi, int count) {
            for (int i = 0; i < count; ++i)
              sum += decltype(zero){from[xi + static_cast<size_t>(i) * strideX]} * with[yi + i];
          });
        }
        blend(alpha, sum, beta, dws[index]);
      });
    }
  });
}

}  // namespace standin
