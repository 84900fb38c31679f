// The state as a sorted map in memory, written whole at each flush. Deterministic: the same calls give the same files.
#include <map>
#include <mutex>
#include <shared_mutex>

#include "base/crc32c.h"
#include "store/octets.h"
#include "store/state.h"

namespace angarium::store {
namespace {

using Map = std::map<std::string, std::string, std::less<>>;

class SortedView final : public ReadView::Body {
 public:
  explicit SortedView(std::shared_ptr<const Map> kept) : map(std::move(kept)) {}
  std::shared_ptr<const Map> map;
};

class SortedState final : public State {
 public:
  SortedState(Volume& volume, const StateOptions& options)
      : volume_(volume), file_name_(std::string(options.folder) + "/sorted"), mergers_(options.mergers) {}

  Result<> load() {
    Result<std::string> file = volume_.read_whole(file_name_, UINT64_MAX);
    if (!file && file.error().is(kMissing)) return {};
    if (!file) return std::unexpected(file.error());
    std::string_view rest = *file;
    if (rest.size() < 4 || load_u32(rest.data()) != crc32c(rest.substr(4)))
      return fail(kDamaged, "the sorted state's checksum is wrong");
    rest.remove_prefix(4);
    OperationReader reader(rest);
    while (auto operation = reader.next()) map_->emplace_hint(map_->end(), operation->key, operation->argument);
    if (!reader.ok()) return fail(kDamaged, "the sorted state is malformed");
    auto applied = map_->find(kAppliedKey);
    if (applied == map_->end()) return {};
    std::optional<LogPosition> position = LogPosition::decode(applied->second);
    if (!position) return fail(kDamaged, "the sorted state's position is malformed");
    applied_ = *position;
    return {};
  }

  [[nodiscard]] LogPosition applied() const override {
    std::shared_lock lock(*mutex_);
    return applied_;
  }

  [[nodiscard]] bool delays() const override { return false; }

  Result<> apply(std::span<const std::string_view> batches, const LogPosition& position) override {
    std::unique_lock lock(*mutex_);
    if (map_.use_count() > 1) map_ = std::make_shared<Map>(*map_);  // somebody looks at it
    for (std::string_view batch : batches) {
      OperationReader reader(batch);
      while (auto operation = reader.next()) apply(*operation);
      if (!reader.ok()) return fail(kDamaged, "a batch is malformed");
    }
    (*map_)[std::string(kAppliedKey)] = position.encode();
    applied_ = position;
    return {};
  }

  Result<std::optional<std::string>> get(std::string_view key, const Reading& reading) override {
    std::shared_lock lock(*mutex_);
    const Map& map = seen(reading);
    auto found = map.find(key);
    if (found == map.end()) return std::nullopt;
    return found->second;
  }

  Result<std::vector<std::optional<std::string>>> multi_get(std::span<const std::string_view> keys,
                                                            const Reading& reading) override {
    std::shared_lock lock(*mutex_);
    const Map& map = seen(reading);
    std::vector<std::optional<std::string>> values;
    for (std::string_view key : keys) {
      auto found = map.find(key);
      values.push_back(found == map.end() ? std::nullopt : std::optional(found->second));
    }
    return values;
  }

  Result<> scan(std::string_view from, std::string_view to, const ScanOptions& options, const Visitor& visitor,
                const Reading& reading) override {
    std::shared_ptr<const Map> map = kept(reading);
    auto first = map->lower_bound(from);
    auto last = to.empty() ? map->end() : map->lower_bound(to);
    if (!to.empty() && to <= from) return {};
    std::size_t left = options.limit;
    if (options.direction == Direction::forward) {
      for (; first != last && left > 0; ++first, --left)
        if (visitor(first->first, first->second) == Step::stop) break;
    } else {
      for (; last != first && left > 0; --left) {
        --last;
        if (visitor(last->first, last->second) == Step::stop) break;
      }
    }
    return {};
  }

  ReadView view() override { return ReadView(std::make_shared<SortedView>(kept({}))); }

  Result<> flush() override {
    std::shared_ptr<const Map> map = kept({});
    std::string file(4, '\0');
    for (const auto& [key, value] : *map) {
      file.push_back(static_cast<char>(OperationKind::put));
      append_varint(file, key.size());
      file.append(key);
      append_varint(file, value.size());
      file.append(value);
    }
    store_u32(file.data(), crc32c(std::string_view(file).substr(4)));
    return volume_.replace(file_name_, file);
  }

  Result<> copy_to(Volume& target) override {
    Result<std::string> file = volume_.read_whole(file_name_, UINT64_MAX);
    if (!file && file.error().is(kMissing)) return {};
    if (!file) return std::unexpected(file.error());
    return target.replace(file_name_, *file);
  }

 private:
  void apply(const Operation& operation) {
    switch (operation.kind) {
      case OperationKind::put:
        map_->insert_or_assign(std::string(operation.key), std::string(operation.argument));
        break;
      case OperationKind::erase:
        if (auto found = map_->find(operation.key); found != map_->end()) map_->erase(found);
        break;
      case OperationKind::erase_range:
        map_->erase(map_->lower_bound(operation.key), map_->lower_bound(operation.argument));
        break;
      case OperationKind::merge: {
        auto found = map_->find(operation.key);
        std::optional<std::string_view> before;
        if (found != map_->end()) before = found->second;
        map_->insert_or_assign(std::string(operation.key),
                               merged(mergers_, operation.key, before, {&operation.argument, 1}));
        break;
      }
    }
  }

  /// With the mutex held.
  const Map& seen(const Reading& reading) const {
    if (reading.view == nullptr || reading.view->body() == nullptr) return *map_;
    return *static_cast<const SortedView*>(reading.view->body())->map;
  }

  std::shared_ptr<const Map> kept(const Reading& reading) const {
    if (reading.view != nullptr && reading.view->body() != nullptr)
      return static_cast<const SortedView*>(reading.view->body())->map;
    std::shared_lock lock(*mutex_);
    // Let go of under the mutex, so that all reading comes before the change that finds nobody looking any more.
    return {map_.get(), [map = map_, mutex = mutex_](const Map*) mutable {
              std::shared_lock releasing(*mutex);
              map.reset();
            }};
  }

  Volume& volume_;
  std::string file_name_;
  Mergers mergers_;
  std::shared_ptr<std::shared_mutex> mutex_ = std::make_shared<std::shared_mutex>();
  std::shared_ptr<Map> map_ = std::make_shared<Map>();
  LogPosition applied_;
};

}  // namespace

Result<std::unique_ptr<State>> open_sorted_state(Volume& volume, const StateOptions& options) {
  auto state = std::make_unique<SortedState>(volume, options);
  TRY(state->load());
  return state;
}

}  // namespace angarium::store
