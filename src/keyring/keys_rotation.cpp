// Rotation of the server's key: what is made from now on is wrapped by a new version; then, when nothing wrapped by
// another is on its way any more, all records are.
#include <algorithm>

#include "keyring/key_files.h"
#include "keyring/keys.h"
#include "store/keys.h"

namespace angarium::keyring {
namespace {

/// Records of one batch: some hundred KiB, and no more to be done again when one of them has changed meanwhile.
constexpr std::size_t kAtOnce = 1000;

struct Record {
  std::string at;
  std::string wrapped;
};

/// All records, by their keys in the store.
std::pair<std::string, std::string> all_records() {
  std::string from(1, static_cast<char>(kKeyOctet));
  std::string to = store::after_prefix(from);
  return {std::move(from), std::move(to)};
}

}  // namespace

Result<Wrappings> Keys::wrappings(store::Tablet& tablet) {
  Wrappings found;
  const auto [from, to] = all_records();
  TRY(tablet.scan(from, to, {}, [&](std::string_view, std::string_view value) {
    const auto by = wrapped_by(value);
    ++(by ? found.by[*by] : found.damaged);
    return store::Step::next;
  }));
  return found;
}

Result<std::vector<std::uint64_t>> Keys::versions() {
  const std::lock_guard file(file_mutex_);
  std::vector<std::uint64_t> ids;
  for (const ServerKeys::Version& version : TRY(ServerKeys::read(directory_)).versions()) ids.push_back(version.id);
  return ids;
}

/// The versions in the file, the one to wrap by last, and whether that is new: where there are as many as there may be,
/// the rotation that was cut short last is ended first.
Result<std::pair<ServerKeys, bool>> Keys::begin_rotation() {
  const std::lock_guard file(file_mutex_);
  ServerKeys keys = TRY(ServerKeys::read(directory_));
  {
    // Another file may have been put in its place, by which not all can be opened that is open here.
    const std::lock_guard lock(mutex_);
    if (server_) keys = server_->with(keys);
  }
  for (const auto& [id, count] : TRY(wrappings(tablet_)).by)
    if (!keys.find(id))
      return fail(kNoServerKey, std::to_string(count) + " keys of this store were wrapped by another key than " +
                                    directory_ + "/" + std::string(kKeysFile) +
                                    " has: bring back the file that has it");
  const bool room = keys.versions().size() < kServerKeysMax;
  if (room)
    keys = TRY(keys.with_new(directory_, random_));
  else
    TRY(keys.write(directory_));
  earlier_.push_back(round_->over.get_future());
  round_ = std::make_shared<Round>();
  const std::lock_guard lock(mutex_);
  server_ = keys;
  return std::pair(std::move(keys), room);
}

Result<> Keys::wait_for_earlier(Duration patience) {
  const Moment until = system_clock().now() + patience;
  while (!earlier_.empty()) {
    if (earlier_.back().wait_for(until - system_clock().now()) != std::future_status::ready)
      return fail(kRotationWaits, "keys that were made before the rotation are not in the store yet: try again");
    earlier_.pop_back();
  }
  // Who was answered, or gave up waiting, has enqueued before this: what is durable then is all there will be of it.
  TRY(tablet_.commit_and_wait({}));
  return {};
}

Result<> Keys::wrap_all(const ServerKeys& keys, Rotated& done, const store::Progress& progress) {
  const ServerKeys::Version& current = keys.current();
  std::uint64_t all = 0;
  for (const auto& [by, count] : TRY(wrappings(tablet_)).by) all += by == current.id ? 0 : count;
  auto [from, to] = all_records();
  std::uint64_t shut = 0;
  std::uint64_t seen = 0;
  while (true) {
    std::vector<Record> records;
    TRY(tablet_.scan(from, to, {}, [&](std::string_view key, std::string_view value) {
      if (wrapped_by(value) != current.id) records.push_back({std::string(key), std::string(value)});
      return records.size() < kAtOnce ? store::Step::next : store::Step::stop;
    }));
    if (records.empty()) break;
    store::Batch batch;
    std::uint64_t more_wrapped = 0;
    std::uint64_t more_shut = 0;
    for (const Record& record : records) {
      store::KeyReader name(std::string_view(record.at).substr(1));
      const Owner owner = name.u64();
      const KeyId id = name.u64();
      auto key = unwrap({owner, id}, record.wrapped, store::Tier::any);
      if (!key) {
        if (!key.error().is(kNoKey)) return std::unexpected(key.error());
        const auto known = kept({owner, id});
        if (!known) {
          ++more_shut;
          continue;
        }
        key = *known;
      }
      batch.expect(record.at, record.wrapped);
      batch.put(record.at, TRY(wrap({owner, id}, *key, current, random_)));
      ++more_wrapped;
    }
    if (more_wrapped != 0) {
      const auto written = tablet_.commit_and_wait(std::move(batch));
      // An owner is gone, or a key: these are read again.
      if (!written && written.error().is(store::kExpectation)) continue;
      TRY(written);
    }
    from = records.back().at + '\0';
    done.wrapped += more_wrapped;
    shut += more_shut;
    seen += records.size();
    if (progress) progress(seen, std::max(all, seen));
  }
  if (shut != 0)
    return fail(kNoKey,
                std::to_string(shut) + " keys of the store do not open: the old versions of the server's key stay");
  return {};
}

Result<> Keys::forget_old(const ServerKeys& keys) {
  const std::lock_guard file(file_mutex_);
  // Another file in its place meanwhile is not written over.
  const ServerKeys now = TRY(ServerKeys::read(directory_));
  if (!std::ranges::equal(now.versions(), keys.versions(), {}, &ServerKeys::Version::id, &ServerKeys::Version::id))
    return fail(kRotationWaits, "the file of the server's key was changed meanwhile: try again");
  ServerKeys newest = TRY(keys.forget_old(directory_));
  const std::lock_guard lock(mutex_);
  server_ = std::move(newest);
  return {};
}

Result<Rotated> Keys::rotate_server_key(const store::Progress& progress, Duration patience) {
  const std::unique_lock one(rotating_, std::try_to_lock);
  if (!one) return fail(kRotationWaits, "the server's key is being rotated");
  Rotated done;
  while (true) {
    const auto [keys, is_new] = TRY(begin_rotation());
    TRY(wait_for_earlier(patience));
    TRY(wrap_all(keys, done, progress));
    TRY(forget_old(keys));
    done.forgotten += keys.versions().size() - 1;
    done.version = keys.current().id;
    if (is_new) return done;
  }
}

}  // namespace angarium::keyring
