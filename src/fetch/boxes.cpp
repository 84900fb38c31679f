#include "fetch/boxes.h"

#include <algorithm>

#include "base/text.h"
#include "fetch/record.h"

namespace angarium::fetch {
namespace {

/// Words that stand in commands of POP3 and IMAP, in lists and in files: no controls.
bool plain(std::string_view text) {
  return text.size() <= kTextMax && std::ranges::none_of(text, is_control) && valid_utf8(text);
}

std::unexpected<Error> unknown(std::string_view name) {
  return fail(kUnknown, "there is no box '" + escape_controls(name, 100) +
                            "'; angarium fetch list ACCOUNT shows those there are");
}

Result<> check_secret(const Box& box) {
  if ((box.password.empty() ? 0 : 1) + (box.token_file.empty() ? 0 : 1) + (box.tickets.empty() ? 0 : 1) != 1)
    return fail(kInvalid,
                "a password by --password-stdin, a file with an access token by --token-file, or Kerberos' tickets by "
                "--tickets: one of them");
  for (const std::string* path : {&box.token_file, &box.tickets})
    if (!path->empty() && !path->starts_with('/'))
      return fail(kInvalid, "the file with the access token, or with the tickets, is named by its whole path");
  if (box.layer != sasl::Protection::none && (box.tls != Tls::none || !box.token_file.empty()))
    return fail(kInvalid,
                "a layer protects connections without TLS (imap+plain:// and the like), by tickets or password");
  return {};
}

}  // namespace

Result<> Boxes::load() {
  const std::lock_guard one_change(changing_);
  {
    const std::lock_guard lock(mutex_);
    if (loaded_) return {};
  }
  Map found;
  std::optional<Error> error;
  TRY(tablet_.scan(boxes_prefix(), behind(boxes_prefix()), {}, [&](std::string_view, std::string_view value) {
    auto box = decode_box(value, seal());
    if (!box) {
      error = std::move(box).error();
      return store::Step::stop;
    }
    const BoxId id = box->id;
    found.emplace(id, Known{.box = std::make_shared<const Box>(*std::move(box)), .progress = {}});
    return store::Step::next;
  }));
  if (error) return std::unexpected(*std::move(error));
  for (auto& [id, known] : found) {
    const auto value = TRY(tablet_.get(progress_key(id)));
    if (value) known.progress = TRY(decode_progress(*value));
  }
  const std::lock_guard lock(mutex_);
  boxes_ = std::move(found);
  loaded_ = true;
  return {};
}

Result<> Boxes::check(const Box& box) const {
  const auto name_char = [](char c) { return is_alnum(c) || c == '-' || c == '_' || c == '.' || c == '@'; };
  if (box.name.empty() || box.name.size() > kNameMax || !std::ranges::all_of(box.name, name_char))
    return fail(kInvalid, "a box is named by letters, digits and - _ . @, at most " + std::to_string(kNameMax));
  if (box.host.empty() || box.host.find(' ') != std::string::npos) return fail(kInvalid, "a host is missing");
  if (box.user.empty()) return fail(kInvalid, "the name to log in by is missing: --user NAME");
  TRY(check_secret(box));
  for (const std::string* text : {&box.host, &box.user, &box.password, &box.token_file, &box.tickets, &box.into})
    if (!plain(*text)) return fail(kInvalid, "a host, name, password or folder is too long, or has controls in it");
  if (box.folders.size() > kFoldersMax) return fail(kInvalid, "too many folders; '*' stands for all");
  for (const std::string& folder : box.folders)
    if (folder.empty() || !plain(folder)) return fail(kInvalid, "'" + escape_controls(folder, 100) + "' is no folder");
  if (box.protocol == Protocol::pop3 && !box.folders.empty()) return fail(kInvalid, "POP3 has no folders");
  if (box.protocol == Protocol::pop3 && box.watching == Watching::idles)
    return fail(kInvalid, "POP3 cannot wait for mail: only IMAP has IDLE");
  if (box.protocol == Protocol::odmr &&
      (!box.folders.empty() || !box.into.empty() || box.remove_after || box.watching == Watching::idles))
    return fail(kInvalid, "ODMR brings mail to whom it is addressed to: no folders, no removal and no IDLE there");
  if (box.every < kEveryMin || box.every > kEveryMax)
    return fail(kInvalid, "a box is looked at every 30 seconds at most, and once a week at least");
  return {};
}

Result<> Boxes::commit(store::Batch batch) const {
  TRY(tablet_.commit_and_wait(std::move(batch)));
  return {};
}

Boxes::Map::iterator Boxes::find(std::uint64_t account, std::string_view name) {
  return std::ranges::find_if(
      boxes_, [&](const auto& one) { return one.second.box->account == account && one.second.box->name == name; });
}

Result<Known> Boxes::add(Box box) {
  TRY(check(box));
  if (!seal_) return std::unexpected(seal_.error());
  const std::lock_guard one_change(changing_);
  {
    const std::lock_guard lock(mutex_);
    if (find(box.account, box.name) != boxes_.end())
      return fail(kExists, "the account has a box '" + box.name + "'; give another name by --name");
    const auto of_account = [&](const auto& one) { return one.second.box->account == box.account; };
    if (static_cast<std::size_t>(std::ranges::count_if(boxes_, of_account)) >= kBoxesMax)
      return fail(kInvalid, "an account has at most " + std::to_string(kBoxesMax) + " boxes");
    // The time is never that of a box that went: ids rise.
    box.id = static_cast<BoxId>(std::max<std::int64_t>(1, clock_.wall().microseconds));
    if (!boxes_.empty()) box.id = std::max(box.id, boxes_.rbegin()->first + 1);
  }
  store::Batch batch;
  batch.put(box_key(box.id), TRY(encode(box, seal())));
  TRY(commit(std::move(batch)));
  const BoxId id = box.id;
  Known known{.box = std::make_shared<const Box>(std::move(box)), .progress = {}};
  const std::lock_guard lock(mutex_);
  return boxes_.emplace(id, std::move(known)).first->second;
}

void Boxes::erase(BoxId id, store::Batch& batch) {
  batch.erase(box_key(id));
  batch.erase(progress_key(id));
  batch.erase(pin_key(id));
  batch.erase_range(mark_prefix(id), behind(mark_prefix(id)));
  batch.erase_range(folder_prefix(id), behind(folder_prefix(id)));
}

Result<Known> Boxes::remove(std::uint64_t account, std::string_view name) {
  const std::lock_guard one_change(changing_);
  const Known known = TRY(get(account, name));
  store::Batch batch;
  erase(known.box->id, batch);
  TRY(commit(std::move(batch)));
  const std::lock_guard lock(mutex_);
  boxes_.erase(known.box->id);
  return known;
}

void Boxes::remove_all(std::uint64_t account, store::Batch& batch) {
  for (const Known& known : list(account)) erase(known.box->id, batch);
}

void Boxes::forget(std::uint64_t account) {
  const std::lock_guard lock(mutex_);
  std::erase_if(boxes_, [&](const auto& one) { return one.second.box->account == account; });
}

Result<Known> Boxes::change(std::uint64_t account, std::string_view name, const std::function<void(Known&)>& change) {
  const std::lock_guard one_change(changing_);
  Known known = TRY(get(account, name));
  change(known);
  store::Batch batch;
  batch.put(box_key(known.box->id), TRY(encode(*known.box, seal())));
  batch.put(progress_key(known.box->id), encode(known.progress));
  TRY(commit(std::move(batch)));
  const std::lock_guard lock(mutex_);
  const auto place = boxes_.find(known.box->id);
  if (place == boxes_.end()) return unknown(name);
  place->second = known;
  return known;
}

Result<Known> Boxes::pause(std::uint64_t account, std::string_view name, Pause pause) {
  return change(account, name, [&](Known& known) {
    auto box = std::make_shared<Box>(*known.box);
    box->pause = pause;
    known.box = std::move(box);
    if (pause == Pause::none) known.progress.next = {};
    if (pause == Pause::none) known.progress.failures = 0;
  });
}

Result<Known> Boxes::set_password(std::uint64_t account, std::string_view name, std::string password) {
  Box tried = *TRY(get(account, name)).box;
  tried.password = password;
  tried.token_file.clear();
  tried.tickets.clear();
  TRY(check(tried));
  if (!seal_) return std::unexpected(seal_.error());
  return change(account, name, [&](Known& known) {
    auto box = std::make_shared<Box>(*known.box);
    box->password = std::move(password);
    box->token_file.clear();
    box->tickets.clear();
    box->sealed.clear();
    if (box->pause == Pause::refused) box->pause = Pause::none;
    known.box = std::move(box);
    known.progress.next = {};
    known.progress.failures = 0;
  });
}

Result<Known> Boxes::hurry(std::uint64_t account, std::string_view name) {
  if (TRY(get(account, name)).box->pause != Pause::none)
    return fail(kInvalid, "the box is paused; angarium fetch resume lets it go on");
  return change(account, name, [](Known& known) {
    // Another object: a run that waits for news ends, and another begins.
    known.box = std::make_shared<const Box>(*known.box);
    known.progress.next = {};
  });
}

std::vector<Known> Boxes::list(std::optional<std::uint64_t> account) const {
  std::vector<Known> found;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, known] : boxes_)
      if (!account || known.box->account == *account) found.push_back(known);
  }
  std::ranges::sort(found, [](const Known& a, const Known& b) {
    return std::tie(a.box->address, a.box->name) < std::tie(b.box->address, b.box->name);
  });
  return found;
}

Result<Known> Boxes::get(std::uint64_t account, std::string_view name) const {
  const std::lock_guard lock(mutex_);
  for (const auto& [id, known] : boxes_)
    if (known.box->account == account && known.box->name == name) return known;
  return unknown(name);
}

BoxPtr Boxes::current(BoxId id) const {
  const std::lock_guard lock(mutex_);
  const auto place = boxes_.find(id);
  return place == boxes_.end() ? nullptr : place->second.box;
}

std::vector<BoxPtr> Boxes::due(WallTime now) const {
  std::vector<BoxPtr> found;
  const std::lock_guard lock(mutex_);
  for (const auto& [id, known] : boxes_) {
    // A civil clock that was set back does not make a box wait for longer than it would have.
    const std::int64_t wait = known.progress.next.microseconds - now.microseconds;
    const bool far = wait > 2 * std::chrono::duration_cast<std::chrono::microseconds>(kEveryMax).count();
    if (known.box->pause == Pause::none && (wait <= 0 || far)) found.push_back(known.box);
  }
  return found;
}

Result<> Boxes::report(const BoxPtr& box, const Progress& progress, Pause pause) {
  const std::lock_guard one_change(changing_);
  if (current(box->id) != box) return {};
  auto changed = box;
  store::Batch batch;
  if (pause != box->pause) {
    auto paused = std::make_shared<Box>(*box);
    paused->pause = pause;
    changed = std::move(paused);
    batch.put(box_key(box->id), TRY(encode(*changed, seal())));
  }
  batch.put(progress_key(box->id), encode(progress));
  TRY(commit(std::move(batch)));
  const std::lock_guard lock(mutex_);
  const auto place = boxes_.find(box->id);
  if (place != boxes_.end() && place->second.box == box) place->second = {.box = changed, .progress = progress};
  return {};
}

Result<std::map<std::string, Mark, std::less<>>> Boxes::marks(BoxId id) const {
  std::map<std::string, Mark, std::less<>> found;
  std::optional<Error> error;
  const std::string prefix = mark_prefix(id);
  TRY(tablet_.scan(prefix, behind(prefix), {}, [&](std::string_view key, std::string_view value) {
    auto mark = decode_mark(value);
    if (!mark) {
      error = std::move(mark).error();
      return store::Step::stop;
    }
    found.emplace_hint(found.end(), std::string(key.substr(prefix.size())), *mark);
    return store::Step::next;
  }));
  if (error) return std::unexpected(*std::move(error));
  return found;
}

Result<> Boxes::forget_marks(BoxId id, const std::vector<std::string>& unique_ids) {
  constexpr std::size_t kInOneBatch = 10'000;
  for (std::size_t from = 0; from < unique_ids.size(); from += kInOneBatch) {
    store::Batch batch;
    for (std::size_t i = from; i < std::min(unique_ids.size(), from + kInOneBatch); ++i)
      batch.erase(mark_key(id, unique_ids[i]));
    TRY(commit(std::move(batch)));
  }
  return {};
}

Result<FolderState> Boxes::folder(BoxId id, std::string_view folder) const {
  const auto value = TRY(tablet_.get(folder_key(id, folder)));
  if (!value) return FolderState{};
  return decode_folder(*value);
}

Result<> Boxes::put_mark(BoxId id, std::string_view unique_id, const Mark& mark) {
  store::Batch batch;
  batch.put(mark_key(id, unique_id), encode(mark));
  return commit(std::move(batch));
}

Result<> Boxes::put_folder(BoxId id, std::string_view folder, const FolderState& state) {
  store::Batch batch;
  batch.put(folder_key(id, folder), encode(state));
  return commit(std::move(batch));
}

Result<Pin> Boxes::pin(BoxId id) const {
  const auto value = TRY(tablet_.get(pin_key(id)));
  if (!value) return Pin{};
  return decode_pin(*value);
}

Result<> Boxes::put_pin(BoxId id, const Pin& pin) {
  store::Batch batch;
  batch.put(pin_key(id), encode(pin));
  return commit(std::move(batch));
}

}  // namespace angarium::fetch
