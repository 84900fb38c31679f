// The corpus that the message benchmarks share.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace angarium::bench {

/// The messages of the directory named by MESSAGE_CORPUS, read once.
const std::vector<std::string>& corpus();
std::int64_t corpus_octets();

}  // namespace angarium::bench
