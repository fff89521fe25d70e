#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <span>

#include "backend/backend.h"
#include "backend/buffer.h"

namespace convsweep::cpu {

class HostDataset final : public DeviceDataset {
 public:
  HostDataset(const uint8_t* images, const uint8_t* labels, size_t count, size_t imageSize)
      : images_(std::max<size_t>(count * imageSize, 1)),
        labels_(std::max<size_t>(count, 1)),
        imageSize_(imageSize) {
    std::memcpy(images_.data(), images, count * imageSize);
    std::memcpy(labels_.data(), labels, count);
  }
  const uint8_t* image(uint32_t row) const { return images_.data() + row * imageSize_; }
  uint8_t label(uint32_t row) const { return labels_.data()[row]; }

 private:
  Buffer<uint8_t> images_, labels_;
  size_t imageSize_;
};

/** The rows that a network works on at present; its batch starts at `first`. */
struct Binding {
  const HostDataset* dataset = nullptr;
  std::span<const uint32_t> rows;
  size_t first = 0;

  const uint8_t* image(size_t i) const { return dataset->image(rows[first + i]); }
  uint8_t label(size_t i) const { return dataset->label(rows[first + i]); }
};

}  // namespace convsweep::cpu
