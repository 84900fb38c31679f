// For this room's tests: a directory over a tablet in memory.
#pragma once

#include <memory>
#include <optional>

#include "account/directory.h"
#include "io/memory.h"
#include "store/tablet.h"
#include "store/volume_memory.h"
#include "support/test.h"

namespace angarium::account::test {

inline std::unique_ptr<store::Tablet> memory_tablet() {
  auto volume = store::open_memory_volume(std::make_shared<store::MemoryDisk>());
  REQUIRE(volume);
  store::TabletOptions options;
  options.state = store::StateKind::sorted;
  options.segment_size = 1 << 20;
  options.reserve = 0;
  auto tablet = store::Tablet::open(*std::move(volume), options);
  REQUIRE(tablet);
  return *std::move(tablet);
}

/// Takes an account's entry away, as who removes its mail does.
inline Result<> remove(Directory& directory, store::Tablet& tablet, std::string_view address) {
  store::Batch batch;
  TRY(directory.prepare_removal(address, batch));
  auto removed = tablet.commit_and_wait(std::move(batch));
  directory.forget();
  if (!removed) return std::unexpected(std::move(removed).error());
  return {};
}

/// Runs a task to its end and gives its value.
template <class T>
T finish(io::SimulatedLoop& loop, io::Task<T> task) {
  std::optional<T> value;
  loop.spawn([](io::Task<T> inner, std::optional<T>& result) -> io::Task<> {
    result.emplace(co_await std::move(inner));
  }(std::move(task), value));
  loop.run();
  REQUIRE(value);
  return *std::move(value);
}

}  // namespace angarium::account::test
