#pragma once

#include <cstdint>

#include "backend/anywhere.h"

namespace convsweep::cuda {

/** A batch norm in inference. */
struct InferenceNorm {
  /** Null where there is none. */
  const float* gamma = nullptr;
  const float *beta = nullptr, *mean = nullptr, *variance = nullptr;
  float epsilon = 0;
};

/** A batch norm in training: a value per channel each. */
struct TrainingNorm {
  const float *gamma, *beta;
  float *gammaGradient, *betaGradient;
  float *movingMean, *movingVariance;
  /** Of the batch; the backward pass reads them. */
  float *mean, *inverseDeviation;
  /** `correction`: what the variance is multiplied by for the moving one. */
  float epsilon, decay, correction;

  /** Moves the moving statistics of channel `c` towards those of a batch. */
  CONVSWEEP_ANYWHERE void move(uint32_t c, float batchMean, float batchVariance) const {
    movingMean[c] -= (movingMean[c] - batchMean) * decay;
    movingVariance[c] -= (movingVariance[c] - batchVariance * correction) * decay;
  }
};

}  // namespace convsweep::cuda
