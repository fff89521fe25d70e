#include "bench/gpu/probe/exact.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "backend/hash.h"

namespace convsweep::probe {
namespace {

using Values = std::vector<double>;

double rootMeanSquare(const Values& values) {
  double sum = 0;
  for (const double value : values) sum += value * value;
  return std::sqrt(sum / static_cast<double>(std::max<size_t>(values.size(), 1)));
}

size_t planeOf(const Extent& extent) {
  return static_cast<size_t>(extent.height) * static_cast<size_t>(extent.width);
}

/** Where a value is taken from, and by how much it is larger than what it was chosen from besides. */
struct Choice {
  size_t from;
  double lead = std::numeric_limits<double>::infinity();
};

/** Of each pooled value; the first largest wins. */
std::vector<Choice> poolChoices(const Values& map, size_t maps, const PoolSpec& spec) {
  std::vector<Choice> choices;
  const Window& window = spec.window;
  for (size_t m = 0; m < maps; ++m) {
    for (int oy = 0; oy < spec.out.height; ++oy) {
      for (int ox = 0; ox < spec.out.width; ++ox) {
        Choice choice{SIZE_MAX};
        for (int ky = 0; ky < window.height; ++ky) {
          for (int kx = 0; kx < window.width; ++kx) {
            const int y = oy * window.strideY + ky - window.padTop,
                      x = ox * window.strideX + kx - window.padLeft;
            if (y < 0 || y >= spec.in.height || x < 0 || x >= spec.in.width) continue;
            const size_t at = m * planeOf(spec.in) + static_cast<size_t>(y * spec.in.width + x);
            if (choice.from == SIZE_MAX) {
              choice.from = at;
            } else if (map[at] > map[choice.from]) {
              choice.lead = map[at] - map[choice.from];
              choice.from = at;
            } else {
              choice.lead = std::min(choice.lead, map[choice.from] - map[at]);
            }
          }
        }
        choices.push_back(choice);
      }
    }
  }
  return choices;
}

std::vector<Choice> ownChoices(size_t size) {
  std::vector<Choice> choices(size);
  for (size_t i = 0; i < size; ++i) choices[i].from = i;
  return choices;
}

/** The values before ReLU and pooling, and what ReLU and pooling make of them. */
struct Activation {
  Values map;
  std::vector<Choice> choices;
  bool relu;

  Values output() const {
    Values values;
    for (const Choice& choice : choices) {
      const double value = map[choice.from];
      values.push_back(relu && !(value > 0) ? 0 : value);
    }
    return values;
  }
  /** The gradient of `map`. */
  Values backward(const std::vector<float>& gradient) const {
    Values result(map.size());
    for (size_t i = 0; i < choices.size(); ++i) {
      if (!relu || map[choices[i].from] > 0) result[choices[i].from] += gradient[i];
    }
    return result;
  }
  bool isDecided(size_t i, double margin) const {
    const Choice& choice = choices[i];
    return choice.lead > margin && (!relu || std::abs(map[choice.from]) > margin);
  }
};

/** Calls `use(input, kernel, output)` with the indices of each product of a convolution. */
template <typename Use>
void eachProduct(const ConvSpec& spec, size_t n, const Use& use) {
  const auto in = static_cast<size_t>(spec.in.channels), out = static_cast<size_t>(spec.out.channels);
  const Window& window = spec.window;
  for (size_t image = 0; image < n; ++image) {
    for (size_t o = 0; o < out; ++o) {
      for (size_t i = 0; i < in; ++i) {
        for (int ky = 0; ky < window.height; ++ky) {
          for (int kx = 0; kx < window.width; ++kx) {
            const size_t weight =
                ((o * in + i) * static_cast<size_t>(window.height) + static_cast<size_t>(ky)) *
                    static_cast<size_t>(window.width) +
                static_cast<size_t>(kx);
            for (int oy = 0; oy < spec.out.height; ++oy) {
              const int y = oy * window.strideY + ky - window.padTop;
              if (y < 0 || y >= spec.in.height) continue;
              for (int ox = 0; ox < spec.out.width; ++ox) {
                const int x = ox * window.strideX + kx - window.padLeft;
                if (x < 0 || x >= spec.in.width) continue;
                use((image * in + i) * planeOf(spec.in) + static_cast<size_t>(y * spec.in.width + x), weight,
                    (image * out + o) * planeOf(spec.out) + static_cast<size_t>(oy * spec.out.width + ox));
              }
            }
          }
        }
      }
    }
  }
}

/** A dense layer is a convolution of one position; its kernel is the other way round. */
ConvSpec asConvolution(const DenseSpec& dense) {
  const Extent in{1, 1, static_cast<int>(dense.in)}, out{1, 1, static_cast<int>(dense.out)};
  return {in, out, {1, 1, 1, 1, 0, 0}, dense.bias, dense.relu, std::nullopt, dense.parameters};
}

template <typename T>
std::vector<T> transposed(const std::vector<T>& matrix, size_t rows, size_t columns) {
  std::vector<T> result(matrix.size());
  for (size_t r = 0; r < rows; ++r) {
    for (size_t c = 0; c < columns; ++c) result[c * rows + r] = matrix[r * columns + c];
  }
  return result;
}

/** What lies before the gradient's decisions, for every kind of block. */
struct Activate {
  const Operands& operands;

  Activation operator()(const ConvSpec& spec) const {
    Activation result{Values(operands.n * spec.out.size()), {}, spec.relu};
    eachProduct(spec, operands.n, [&](size_t input, size_t weight, size_t output) {
      result.map[output] += static_cast<double>(operands.input[input]) * operands.first[weight];
    });
    for (size_t i = 0; spec.bias && i < result.map.size(); ++i) {
      result.map[i] += operands.second[i / planeOf(spec.out) % static_cast<size_t>(spec.out.channels)];
    }
    result.choices =
        spec.pool ? poolChoices(result.map, operands.n * static_cast<size_t>(spec.out.channels), *spec.pool)
                  : ownChoices(result.map.size());
    return result;
  }
  Activation operator()(const DenseSpec& spec) const {
    Operands turned = operands;
    turned.first = transposed(operands.first, spec.in, spec.out);
    return Activate{turned}(asConvolution(spec));
  }
  Activation operator()(const PoolSpec& spec) const {
    Activation result{Values(operands.input.begin(), operands.input.end()), {}, false};
    result.choices = poolChoices(result.map, operands.n * static_cast<size_t>(spec.in.channels), spec);
    return result;
  }
  Activation operator()(const ReluSpec&) const {
    return {Values(operands.input.begin(), operands.input.end()), ownChoices(operands.input.size()), true};
  }
  /** Nothing is decided in the others. */
  template <typename Other>
  Activation operator()(const Other&) const {
    return {Values(operands.outputGradient.size()), ownChoices(operands.outputGradient.size()), false};
  }
};

struct Exact {
  const Operands& operands;

  Results<double> operator()(const ConvSpec& spec) const {
    const Activation activation = Activate{operands}(spec);
    const Values gradient = activation.backward(operands.outputGradient);
    Results<double> results{activation.output(),
                            Values(operands.input.size()),
                            Values(operands.first.size()),
                            Values(operands.second.size()),
                            {}};
    eachProduct(spec, operands.n, [&](size_t input, size_t weight, size_t output) {
      results.inputGradient[input] += gradient[output] * operands.first[weight];
      results.firstGradient[weight] += gradient[output] * operands.input[input];
    });
    for (size_t i = 0; spec.bias && i < gradient.size(); ++i) {
      results.secondGradient[i / planeOf(spec.out) % static_cast<size_t>(spec.out.channels)] += gradient[i];
    }
    return results;
  }
  Results<double> operator()(const DenseSpec& spec) const {
    Operands turned = operands;
    turned.first = transposed(operands.first, spec.in, spec.out);
    Results<double> results = Exact{turned}(asConvolution(spec));
    results.firstGradient = transposed(results.firstGradient, spec.out, spec.in);
    return results;
  }
  Results<double> operator()(const PoolSpec& spec) const { return activationOf(spec); }
  Results<double> operator()(const ReluSpec& spec) const { return activationOf(spec); }

  Results<double> operator()(const NormSpec& spec) const {
    const size_t channels = spec.channels;
    const auto channelOf = [&](size_t i) { return i / spec.rows % channels; };
    const double count = static_cast<double>(operands.n * spec.rows);
    Values mean(channels), variance(channels), inverse(channels);
    for (size_t i = 0; i < operands.input.size(); ++i) mean[channelOf(i)] += operands.input[i] / count;
    for (size_t i = 0; i < operands.input.size(); ++i) {
      variance[channelOf(i)] += std::pow(operands.input[i] - mean[channelOf(i)], 2) / count;
    }
    Results<double> results{Values(operands.input.size()), Values(operands.input.size()), Values(channels),
                            Values(channels), Values(operands.statistics.begin(), operands.statistics.end())};
    for (size_t c = 0; c < channels; ++c) {
      inverse[c] = 1 / std::sqrt(variance[c] + spec.epsilon);
      const double seen = variance[c] * spec.correction(operands.n * spec.rows);
      results.statistics[c] += (mean[c] - results.statistics[c]) * spec.decay;
      results.statistics[channels + c] += (seen - results.statistics[channels + c]) * spec.decay;
    }
    const auto normalised = [&](size_t i) {
      return (operands.input[i] - mean[channelOf(i)]) * inverse[channelOf(i)];
    };
    for (size_t i = 0; i < operands.input.size(); ++i) {
      const size_t c = channelOf(i);
      results.output[i] = operands.first[c] * normalised(i) + operands.second[c];
      results.firstGradient[c] += operands.outputGradient[i] * normalised(i);
      results.secondGradient[c] += operands.outputGradient[i];
    }
    for (size_t i = 0; i < operands.input.size(); ++i) {
      const size_t c = channelOf(i);
      const double common = (results.secondGradient[c] + normalised(i) * results.firstGradient[c]) / count;
      results.inputGradient[i] = operands.first[c] * inverse[c] * (operands.outputGradient[i] - common);
    }
    return results;
  }

  Results<double> operator()(const AffineSpec& spec) const {
    return elementwise([&](size_t i) { return operands.input[i] * double{spec.scale} + spec.offset; },
                       [&](size_t i) { return operands.outputGradient[i] * double{spec.scale}; });
  }
  Results<double> operator()(const DropoutSpec& spec) const {
    const uint64_t key = dropoutKey(0, spec.stream, 1);
    const auto factor = [&](size_t i) { return double{dropoutFactor(key, i, spec.rate)}; };
    return elementwise([&](size_t i) { return operands.input[i] * factor(i); },
                       [&](size_t i) { return operands.outputGradient[i] * factor(i); });
  }

 private:
  template <typename Spec>
  Results<double> activationOf(const Spec& spec) const {
    const Activation activation = Activate{operands}(spec);
    return {activation.output(), activation.backward(operands.outputGradient), {}, {}, {}};
  }
  template <typename Forward, typename Backward>
  Results<double> elementwise(const Forward& forward, const Backward& backward) const {
    Results<double> results;
    for (size_t i = 0; i < operands.input.size(); ++i) {
      results.output.push_back(forward(i));
      results.inputGradient.push_back(backward(i));
    }
    return results;
  }
};

}  // namespace

Results<double> exactResults(const BlockSpec& spec, const Operands& operands) {
  return std::visit(Exact{operands}, spec);
}

void keepDecided(const BlockSpec& spec, double margin, Operands& operands) {
  const Activation activation = std::visit(Activate{operands}, spec);
  const double scale = rootMeanSquare(activation.map);
  for (size_t i = 0; i < operands.outputGradient.size(); ++i) {
    if (!activation.isDecided(i, margin * scale)) operands.outputGradient[i] = 0;
  }
}

}  // namespace convsweep::probe
