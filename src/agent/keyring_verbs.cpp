#include "agent/keyring_verbs.h"

#include <fmt/core.h>

#include <boost/json.hpp>

#include "agent/queue_verbs.h"
#include "base/log.h"
#include "base/text.h"
#include "queue/queue.h"
#include "store/codec.h"

namespace angarium::agent {
namespace {

namespace json = boost::json;

constexpr ErrorKind kNothingSealed{"agent.nothing-sealed", Fault::user, Lasting::permanent};

std::string version_text(std::uint64_t id) { return fmt::format("{:016x}", id); }

json::object row(std::string version, std::string_view file, std::uint64_t keys, std::string note) {
  return {{"version", std::move(version)}, {"file", file}, {"keys", keys}, {"note", std::move(note)}};
}

Result<std::string> list(Services& services) {
  keyring::Wrappings wrappings = TRY(keyring::Keys::wrappings(services.tablet()));
  const auto versions = services.keys().versions();
  json::array rows;
  for (const std::uint64_t id : versions.value_or(std::vector<std::uint64_t>())) {
    const bool current = id == versions->back();
    rows.push_back(row(version_text(id), current ? "current" : "old", wrappings.by[id],
                       current ? "" : "a rotation was cut short: angarium keys rotate ends it"));
    wrappings.by.erase(id);
  }
  const std::string missing =
      versions ? "not in the file: bring back the file that has it" : std::string(versions.error().text());
  for (const auto& [id, count] : wrappings.by) rows.push_back(row(version_text(id), "missing", count, missing));
  if (wrappings.damaged != 0) rows.push_back(row("", "missing", wrappings.damaged, "damaged: they open with no key"));
  return json::serialize(rows);
}

Result<std::string> rotate_server_key(Services& services, const control::Tell& tell) {
  const keyring::Wrappings wrappings = TRY(keyring::Keys::wrappings(services.tablet()));
  if (wrappings.by.empty() && wrappings.damaged == 0 && !services.keys().versions())
    return fail(kNothingSealed, "nothing is encrypted here: there is no key yet");
  const keyring::Rotated done = TRY(services.keys().rotate_server_key(
      [&tell](std::uint64_t now, std::uint64_t all) { tell({.done = now, .all = all}); }));
  log::notice("agent", "rotated the server's key", {{"version", version_text(done.version)}, {"keys", done.wrapped}});
  return json::serialize(json::object{{"version", version_text(done.version)},
                                      {"wrapped", done.wrapped},
                                      {"forgotten", done.forgotten},
                                      {"note",
                                       "copy the file of the key again; copies of the store that were made before need "
                                       "the copy of the file of before"}});
}

io::Task<Result<std::string>> rotate_queue(Services& services) {
  const auto old = CO_TRY(co_await services.body_keys().rotate());
  if (!old) co_return fail(kNothingSealed, "nothing that waits here was encrypted: the queue has no key yet");
  log::notice("agent", "rotated the queue's key", {{"erased", old->erased}, {"kept", old->kept}});
  std::string note;
  if (old->kept != 0) note = "mail that waits needs the old keys: each goes with the last of it";
  if (old->damaged != 0)
    note =
        fmt::format("{} damaged records of the queue do not say which key they need: all keys are kept", old->damaged);
  co_return json::serialize(json::object{{"erased", old->erased}, {"kept", old->kept}, {"note", std::move(note)}});
}

/// How far a rotation of all accounts has come: who types it again after a kill goes on from there. Where one could not
/// be rotated it stays, so that this one is tried again.
struct Mark {
  WallTime begun;
  mailbox::AccountId last = 0;  ///< those up to it are done
  std::uint64_t accounts = 0;   ///< whose keys were rotated
  mailbox::KeyRotation all;

  static std::string at() { return std::string(1, kRotationOctet); }
  [[nodiscard]] std::string encode() const {
    std::string record(1, kMarkVersion);
    store::put_signed(record, begun.microseconds);
    for (const std::uint64_t number : {last, accounts, all.sealed, all.erased}) store::put_number(record, number);
    return record;
  }
  static std::optional<Mark> decode(std::string_view record) {
    store::RecordReader reader(record);
    if (reader.octet() != kMarkVersion) return std::nullopt;
    Mark mark;
    mark.begun.microseconds = reader.signed_number();
    for (std::uint64_t* const number : {&mark.last, &mark.accounts, &mark.all.sealed, &mark.all.erased})
      *number = reader.number();
    return reader.ok() ? std::optional(mark) : std::nullopt;
  }

 private:
  static constexpr char kMarkVersion = 2;
};

/// Two rotations of all accounts at a time would keep one mark, and find each other's accounts under way. Ends with the
/// scope.
class Alone {
 public:
  Alone(std::atomic<bool>& flag, const control::Request& request)
      : flag_(request.has("address") ? nullptr : &flag), granted_(flag_ == nullptr || !flag_->exchange(true)) {}
  Alone(const Alone&) = delete;
  Alone& operator=(const Alone&) = delete;
  ~Alone() {
    if (flag_ != nullptr && granted_) *flag_ = false;
  }
  [[nodiscard]] bool granted() const { return granted_; }

 private:
  std::atomic<bool>* const flag_;
  const bool granted_;
};

/// Whose keys are meant, those that are done already left out.
struct Meant {
  std::vector<mailbox::AccountId> accounts;
  bool all = false;  ///< accounts: a mark is kept
  bool resumed = false;
  Mark mark;
};

Result<Meant> meant_of_all(Services& services) {
  Meant meant{.accounts = TRY(keyring::Keys::owners(services.tablet())), .all = true};
  std::erase(meant.accounts, keyring::kQueue);
  const WallTime now = services.clock().wall();
  const auto record = TRY(services.tablet().get(Mark::at()));
  const auto mark = record ? Mark::decode(*record) : std::nullopt;
  const std::int64_t ago = mark ? now.microseconds - mark->begun.microseconds : -1;
  meant.resumed = ago >= 0 && ago < kRotationGoesOn.count();
  meant.mark = meant.resumed ? *mark : Mark{.begun = now};
  std::erase_if(meant.accounts, [&](mailbox::AccountId id) { return id <= meant.mark.last; });
  return meant;
}

/// Waits.
Result<Meant> meant_by(Services& services, const control::Request& request) {
  if (!request.has("address")) return meant_of_all(services);
  if (request.has("accounts")) return fail(kUsageError, "either one account, or all of them");
  const auto account = TRY(services.directory().account(request.get("address")));
  if (!account) return fail(account::kUnknown, "there is no account " + escape_controls(request.get("address")));
  return Meant{.accounts = {account->id}, .mark = {.begun = services.clock().wall()}};
}

/// Nothing: the account was removed meanwhile.
io::Task<std::optional<Result<mailbox::KeyRotation>>> rotate_account(Services& services, mailbox::AccountId id,
                                                                     store::Progress within) {
  using Outcome = std::optional<Result<mailbox::KeyRotation>>;
  const auto mail = co_await services.mail().account(id);
  auto done = mail ? co_await (*mail)->rotate_key(std::move(within))
                   : Result<mailbox::KeyRotation>(std::unexpected(mail.error()));
  if (!done && done.error().is(mailbox::kNoMailbox)) co_return Outcome();
  if (done && done->damaged != 0)
    done = fail(keyring::kNoKey, std::to_string(done->damaged) + " messages do not open, so the keys of before stay");
  if (!done) log::error("agent", "an account's key was not rotated", {{"account", id}, {"why", done.error().text()}});
  co_return Outcome(std::move(done));
}

io::Task<Result<>> keep(Services& services, const Mark& mark) {
  store::Batch batch;
  batch.put(Mark::at(), mark.encode());
  co_return co_await queue::commit(services.tablet(), std::move(batch));
}

std::string outcome_of(const Meant& meant) {
  json::object shown{
      {"accounts", meant.mark.accounts}, {"sealed", meant.mark.all.sealed}, {"erased", meant.mark.all.erased}};
  if (meant.resumed)
    shown["note"] = "this ended the rotation of " + to_rfc3339(meant.mark.begun) +
                    ": for keys that are all made after now, type it again";
  return json::serialize(shown);
}

io::Task<Result<std::string>> rotate_accounts(Services& services, control::Request request, control::Tell tell) {
  const Alone alone(services.rotating_accounts(), request);
  if (!alone.granted())
    co_return fail(keyring::kRotationWaits, "the keys of all accounts are being rotated: wait for the end of that");
  Meant meant = CO_TRY(co_await io::run(
      services.pool(), [&services, request = std::move(request)] { return meant_by(services, request); }));
  Mark& mark = meant.mark;
  std::uint64_t done = mark.accounts;
  const std::uint64_t all = done + meant.accounts.size();
  std::uint64_t failed = 0;
  std::optional<Error> first;
  for (const mailbox::AccountId id : meant.accounts) {
    const auto within = [&tell, one = !meant.all](std::uint64_t now, std::uint64_t last) {
      if (one) tell({.done = now, .all = last});
    };
    auto rotated = co_await rotate_account(services, id, within);
    mark.last = id;
    if (rotated) {
      ++(*rotated ? mark.accounts : failed);
      if (*rotated) {
        mark.all.sealed += (*rotated)->sealed;
        mark.all.erased += (*rotated)->erased;
      } else if (!first) {
        first = std::move(*rotated).error();
      }
    }
    if (meant.all && failed == 0) CO_TRY(co_await keep(services, mark));
    tell({.done = ++done, .all = all});
  }
  if (meant.all) {
    store::Batch batch;
    batch.erase(Mark::at());
    CO_TRY(co_await queue::commit(services.tablet(), std::move(batch)));
  }
  log::notice("agent", "rotated keys of accounts",
              {{"accounts", mark.accounts}, {"sealed", mark.all.sealed}, {"failed", failed}});
  if (!first) co_return outcome_of(meant);
  co_return fail(first->kind(), fmt::format("{} of {} keys were rotated; of another: {}", mark.accounts,
                                            mark.accounts + failed, first->text()));
}

}  // namespace

io::Task<Result<std::string>> keyring_verb(Services& services, control::Request request, control::Tell tell) {
  if (request.verb == "keys.list") co_return co_await io::run(services.pool(), [&services] { return list(services); });
  if (request.verb == "keys.rotate" && request.has("queue")) {
    if (request.has("address") || request.has("accounts")) co_return fail(kUsageError, "either the queue, or accounts");
    co_return co_await rotate_queue(services);
  }
  if (request.verb == "keys.rotate" && (request.has("address") || request.has("accounts")))
    co_return co_await rotate_accounts(services, std::move(request), std::move(tell));
  if (request.verb == "keys.rotate")
    co_return co_await io::run(services.pool(),
                               [&services, tell = std::move(tell)] { return rotate_server_key(services, tell); });
  co_return fail(kUsageError, "the server does not know '" + escape_controls(request.verb) + "'");
}

}  // namespace angarium::agent
