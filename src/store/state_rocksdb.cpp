// The state in RocksDB 7.8: one column family and no WAL, so that what a flush has made durable is a prefix of what was
// applied. The only place, with state_rocksdb_files.cpp, that knows RocksDB.
#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/merge_operator.h>
#include <rocksdb/table.h>
#include <rocksdb/utilities/checkpoint.h>
#include <rocksdb/write_batch.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <mutex>

#include "base/log.h"
#include "store/state.h"
#include "store/state_rocksdb_files.h"

namespace angarium::store {
namespace {

/// RocksDB wants a pointer even to nothing.
rocksdb::Slice slice(std::string_view octets) {
  return octets.empty() ? rocksdb::Slice() : rocksdb::Slice(octets.data(), octets.size());
}
std::string_view view_of(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

std::unexpected<Error> state_error(const rocksdb::Status& status) {
  if (status.IsIncomplete()) return fail(kWouldBlock, "not cached");
  if (status.IsCorruption()) return fail(kDamaged, "the state: " + status.ToString());
  if (status.IsNoSpace()) return fail(kStoreFull, "the state: " + status.ToString());
  return fail(kInputOutput, "the state: " + status.ToString());
}

class Operands final : public rocksdb::MergeOperator {
 public:
  explicit Operands(const Mergers& mergers) : mergers_(mergers) {}

  bool FullMergeV2(const MergeOperationInput& in, MergeOperationOutput* out) const override {
    std::vector<std::string_view> operands;
    operands.reserve(in.operand_list.size());
    for (const rocksdb::Slice& operand : in.operand_list) operands.push_back(view_of(operand));
    std::optional<std::string_view> before;
    if (in.existing_value != nullptr) before = view_of(*in.existing_value);
    out->new_value = merged(mergers_, view_of(in.key), before, operands);
    return true;
  }

  bool PartialMergeMulti(const rocksdb::Slice& key, const std::deque<rocksdb::Slice>& list, std::string* value,
                         rocksdb::Logger* /*logger*/) const override {
    const Merger* merger = key.empty() ? nullptr : mergers_[static_cast<unsigned char>(key[0])];
    if (merger == nullptr) {
      value->assign(list.back().data(), list.back().size());
      return true;
    }
    std::vector<std::string_view> operands;
    operands.reserve(list.size());
    for (const rocksdb::Slice& operand : list) operands.push_back(view_of(operand));
    std::optional<std::string> combined = merger->combine(view_of(key), operands);
    if (combined) *value = std::move(*combined);
    return combined.has_value();
  }

  [[nodiscard]] const char* Name() const override { return "angarium.merge.1"; }

 private:
  Mergers mergers_;
};

/// RocksDB's own log goes to ours. Its file logger asserts, in Debian's build, when the disk is full.
class Reporter final : public rocksdb::Logger {
 public:
  Reporter() : rocksdb::Logger(rocksdb::WARN_LEVEL) {}
  using rocksdb::Logger::Logv;
  __attribute__((format(printf, 2, 0))) void Logv(const char* format, va_list arguments) override {
    Logv(rocksdb::WARN_LEVEL, format, arguments);
  }
  __attribute__((format(printf, 3, 0))) void Logv(const rocksdb::InfoLogLevel level, const char* format,
                                                  va_list arguments) override {
    log::Level ours = level >= rocksdb::ERROR_LEVEL ? log::Level::warning : log::Level::info;
    if (level < rocksdb::WARN_LEVEL || level == rocksdb::HEADER_LEVEL || !log::enabled(ours)) return;
    std::array<char, 512> text;
    if (std::vsnprintf(text.data(), text.size(), format, arguments) > 0)
      log::write(ours, "store", "rocksdb", {{"text", text.data()}});
  }
  void LogHeader(const char* /*format*/, va_list /*arguments*/) override {}
};

class RocksView final : public ReadView::Body {
 public:
  explicit RocksView(std::shared_ptr<rocksdb::DB> of) : database(std::move(of)), snapshot(database->GetSnapshot()) {}
  RocksView(const RocksView&) = delete;
  RocksView& operator=(const RocksView&) = delete;
  ~RocksView() override { database->ReleaseSnapshot(snapshot); }
  std::shared_ptr<rocksdb::DB> database;
  const rocksdb::Snapshot* snapshot;
};

rocksdb::ReadOptions read_options(const Reading& reading) {
  rocksdb::ReadOptions options;
  if (reading.tier == Tier::memory) options.read_tier = rocksdb::kBlockCacheTier;
  if (reading.view != nullptr && reading.view->body() != nullptr)
    options.snapshot = static_cast<const RocksView*>(reading.view->body())->snapshot;
  return options;
}

class RocksState final : public State {
 public:
  RocksState(Volume& volume, std::unique_ptr<rocksdb::Env> env, std::shared_ptr<rocksdb::DB> database)
      : volume_(volume), env_(std::move(env)), database_(std::move(database)) {}

  Result<> load() {
    std::string value;
    rocksdb::Status status = database_->Get({}, slice(kAppliedKey), &value);
    if (status.IsNotFound()) return {};
    if (!status.ok()) return state_error(status);
    std::optional<LogPosition> position = LogPosition::decode(value);
    if (!position) return fail(kDamaged, "the state's position is malformed");
    applied_ = *position;
    return {};
  }

  [[nodiscard]] LogPosition applied() const override {
    std::lock_guard lock(mutex_);
    return applied_;
  }

  Result<> apply(std::span<const std::string_view> batches, const LogPosition& position) override {
    writes_.Clear();
    for (std::string_view batch : batches) {
      OperationReader reader(batch);
      while (auto operation = reader.next()) {
        rocksdb::Slice key = slice(operation->key);
        switch (operation->kind) {
          case OperationKind::put: writes_.Put(key, slice(operation->argument)); break;
          case OperationKind::erase: writes_.Delete(key); break;
          case OperationKind::erase_range: writes_.DeleteRange(key, slice(operation->argument)); break;
          case OperationKind::merge: writes_.Merge(key, slice(operation->argument)); break;
        }
      }
      if (!reader.ok()) return fail(kDamaged, "a batch is malformed");
    }
    writes_.Put(slice(kAppliedKey), position.encode());
    rocksdb::WriteOptions options;
    options.disableWAL = true;
    rocksdb::Status status = database_->Write(options, &writes_);
    if (!status.ok()) return state_error(status);
    std::lock_guard lock(mutex_);
    applied_ = position;
    return {};
  }

  [[nodiscard]] bool delays() const override {
    std::uint64_t stopped = 0;
    std::uint64_t rate = 0;
    database_->GetIntProperty(rocksdb::DB::Properties::kIsWriteStopped, &stopped);
    database_->GetIntProperty(rocksdb::DB::Properties::kActualDelayedWriteRate, &rate);
    return stopped != 0 || rate != 0;
  }

  Result<std::optional<std::string>> get(std::string_view key, const Reading& reading) override {
    rocksdb::PinnableSlice value;
    rocksdb::Status status =
        database_->Get(read_options(reading), database_->DefaultColumnFamily(), slice(key), &value);
    if (status.IsNotFound()) return std::nullopt;
    if (!status.ok()) return state_error(status);
    if (unknown(value, reading)) return fail(kWouldBlock, "the key's table is not open");
    return value.ToString();
  }

  Result<std::vector<std::optional<std::string>>> multi_get(std::span<const std::string_view> keys,
                                                            const Reading& reading) override {
    std::vector<rocksdb::Slice> slices;
    slices.reserve(keys.size());
    for (std::string_view key : keys) slices.push_back(slice(key));
    std::vector<rocksdb::PinnableSlice> found(keys.size());
    std::vector<rocksdb::Status> statuses(keys.size());
    database_->MultiGet(read_options(reading), database_->DefaultColumnFamily(), keys.size(), slices.data(),
                        found.data(), statuses.data());
    std::vector<std::optional<std::string>> values(keys.size());
    for (std::size_t i = 0; i < keys.size(); ++i) {
      if (statuses[i].IsNotFound()) continue;
      if (!statuses[i].ok()) return state_error(statuses[i]);
      if (unknown(found[i], reading)) return fail(kWouldBlock, "a key's table is not open");
      values[i] = found[i].ToString();
    }
    return values;
  }

  Result<> scan(std::string_view from, std::string_view to, const ScanOptions& options, const Visitor& visitor,
                const Reading& reading) override {
    if (!to.empty() && to <= from) return {};
    rocksdb::ReadOptions how = read_options(reading);
    rocksdb::Slice lower = slice(from);
    rocksdb::Slice upper = slice(to);
    how.iterate_lower_bound = &lower;
    if (!to.empty()) how.iterate_upper_bound = &upper;
    std::unique_ptr<rocksdb::Iterator> iterator(database_->NewIterator(how));
    bool forward = options.direction == Direction::forward;
    std::size_t left = options.limit;
    for (forward ? iterator->Seek(lower) : iterator->SeekToLast(); left > 0 && iterator->Valid(); --left) {
      if (visitor(view_of(iterator->key()), view_of(iterator->value())) == Step::stop) return {};
      if (left > 1) forward ? iterator->Next() : iterator->Prev();
    }
    if (!iterator->status().ok()) return state_error(iterator->status());
    return {};
  }

  ReadView view() override { return ReadView(std::make_shared<RocksView>(database_)); }

  Result<> flush() override {
    rocksdb::FlushOptions options;
    options.wait = true;
    options.allow_write_stall = true;
    rocksdb::Status status = database_->Flush(options);
    // A failed flush leaves RocksDB read-only. DB::Resume() would mend that in place, but waits for ever when its own
    // flush fails too. The committer opens the database again instead and replays the log.
    if (!status.ok()) return state_error(status);
    return {};
  }

  Result<> copy_to(Volume& target) override {
    std::optional<std::string> directory = target.directory();
    if (!directory || !volume_.directory()) return {};
    rocksdb::Checkpoint* made = nullptr;
    rocksdb::Status status = rocksdb::Checkpoint::Create(database_.get(), &made);
    std::unique_ptr<rocksdb::Checkpoint> checkpoint(made);
    if (status.ok()) status = checkpoint->CreateCheckpoint(*directory + "/" + std::string(kStateFolder));
    if (!status.ok()) return state_error(status);
    return {};
  }

 private:
  /// With kBlockCacheTier, RocksDB 7.8 answers "found", and an empty value, for any key whose table file is not open:
  /// it means "may exist". A value that is really empty is asked for again with Tier::any, which costs little.
  static bool unknown(const rocksdb::PinnableSlice& value, const Reading& reading) {
    return reading.tier == Tier::memory && value.empty();
  }

  Volume& volume_;
  std::unique_ptr<rocksdb::Env> env_;  // outlives the database
  std::shared_ptr<rocksdb::DB> database_;
  rocksdb::WriteBatch writes_;
  mutable std::mutex mutex_;
  LogPosition applied_;
};

rocksdb::Options database_options(const StateOptions& options) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = rocksdb::NewLRUCache(options.cache_size);
  table.cache_index_and_filter_blocks = true;  // bounded memory; level 0 stays pinned
  // In parts: the whole filter of a large table is larger than a shard of the cache, and each look-up would read it.
  table.index_type = rocksdb::BlockBasedTableOptions::kTwoLevelIndexSearch;
  table.partition_filters = true;
  table.metadata_block_size = 8u << 10;
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  table.block_size = 8u << 10;
  table.format_version = 5;

  rocksdb::Options database;
  database.create_if_missing = true;
  database.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  database.merge_operator = std::make_shared<Operands>(options.mergers);
  database.compression = rocksdb::kLZ4Compression;
  database.bottommost_compression = rocksdb::kZSTD;
  database.write_buffer_size = 64u << 20;  // the tablet flushes by its own rule, long before
  database.max_write_buffer_number = 4;
  database.max_background_jobs = 2;
  database.allow_concurrent_memtable_write = false;  // one committer writes
  // Never memtable_insert_with_hint_prefix_extractor: RocksDB 7.8 shares its hints between a memtable's keys and its
  // range deletions, two lists, so that a range erased after a put of the same prefix corrupts both.
  database.avoid_flush_during_shutdown = true;  // the tablet has flushed, or must not
  // What was erased or replaced leaves the tables with a compaction; where nothing changes, age brings one.
  database.periodic_compaction_seconds = std::chrono::seconds(std::chrono::days(20)).count();
  database.info_log = std::make_shared<Reporter>();
  database.max_bgerror_resume_count = 0;  // see flush()
  database.stats_dump_period_sec = 0;
  database.stats_persist_period_sec = 0;
  return database;
}

}  // namespace

Result<std::unique_ptr<State>> open_rocksdb_state(Volume& volume, const StateOptions& options) {
  rocksdb::Options database = database_options(options);
  std::unique_ptr<rocksdb::Env> env;
  std::string path;
  if (std::optional<std::string> directory = volume.directory()) {
    path = *directory + "/" + std::string(options.folder);
  } else {
    path = "/" + std::string(options.folder);
    env = make_volume_env(volume);
    database.env = env.get();
  }
  rocksdb::DB* opened = nullptr;
  rocksdb::Status status = rocksdb::DB::Open(database, path, &opened);
  if (!status.ok()) return state_error(status);
  auto state = std::make_unique<RocksState>(volume, std::move(env), std::shared_ptr<rocksdb::DB>(opened));
  TRY(state->load());
  return state;
}

}  // namespace angarium::store
