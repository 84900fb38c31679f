#include "protocol/imap/memory_backend.h"

#include <algorithm>
#include <bit>

#include "base/random.h"
#include "base/text.h"
#include "protocol/imap/limits.h"
#include "protocol/imap/mailbox_name.h"
#include "protocol/imap/memory_append.h"
#include "protocol/imap/memory_mailbox.h"
#include "protocol/imap/sharing.h"

namespace angarium::protocol::imap {

namespace {

/// Whose mail guests read.
const std::string kMemoryGuest = "guest";

class MemoryAccount : public MemoryAccountOf {
 public:
  /// `reader`: the identifiers of who is not its owner, the name first.
  MemoryAccount(const MemoryStore& store, std::string user, std::shared_ptr<MemoryAccountState> state,
                std::vector<std::string> reader = {})
      : MemoryAccountOf(std::move(state)), store_(store), user_(std::move(user)), reader_(std::move(reader)) {}

  io::Task<Result<std::vector<NameRow>>> list() override {
    std::vector<NameRow> rows;
    for (const auto& [name, mailbox] : state_->mailboxes) {
      auto attributes = mailbox->attributes | (mailbox->selectable ? 0U : kNameNoSelect);
      if (state_->subscriptions.contains(name)) attributes |= kNameSubscribed;
      rows.push_back({name, attributes, mailbox->id, mailbox->rights_of(reader_)});
    }
    for (const auto& name : state_->subscriptions) {
      if (state_->find(name) == nullptr) rows.push_back({name, kNameNonExistent | kNameNoSelect | kNameSubscribed, {}});
    }
    co_return rows;
  }

  [[nodiscard]] Namespaces namespaces() const override { return {.personal = {{""}}, .others = {}, .shared = {}}; }

  io::Task<Result<std::string>> create(std::string name, std::uint32_t special_use) override {
    CO_TRY(state_->take_trouble());
    if (const auto known = state_->find(name)) {
      if (known->selectable) co_return fail(kAlreadyExists, "It exists already");
    }
    if (std::popcount(special_use) > 1) co_return fail(kUseAttr, "A mailbox has one special use at most");
    for (const auto& [other, mailbox] : state_->mailboxes) {
      if ((mailbox->attributes & special_use) != 0) co_return fail(kUseAttr, other + " has that use");
    }
    co_return state_->make(name, special_use)->id;
  }

  io::Task<Result<void>> remove(std::string name) override {
    CO_TRY(state_->take_trouble());
    const auto mailbox = state_->find(name);
    if (mailbox == nullptr) co_return fail(kNonExistent, "No such mailbox");
    const bool inferiors = state_->has_inferiors(name);
    if (!mailbox->selectable && inferiors) co_return fail(kHasChildren, "It has inferior names");
    end(*mailbox);
    state_->mailboxes.erase(name);
    // RFC 9051 §6.3.5: the name stays as long as it has inferiors. RFC 4314 §4: its list does not.
    if (inferiors) {
      const auto place = state_->make(name, 0);
      place->selectable = false;
      place->access.clear();
    }
    state_->watches->tell();
    co_return Result<void>{};
  }

  io::Task<Result<void>> rename(std::string from, std::string to) override {
    CO_TRY(state_->take_trouble());
    const auto mailbox = state_->find(from);
    if (mailbox == nullptr) co_return fail(kNonExistent, "No such mailbox");
    if (state_->find(to) != nullptr) co_return fail(kAlreadyExists, "It exists already");
    if (from == "INBOX") {
      auto target = state_->make(to, 0);
      target->annotations = mailbox->annotations;
      target->publish(mailbox->entries(), mailbox->view->uid_next(), ++state_->modseq, mailbox->keywords());
      for (const auto& entry : mailbox->entries()) mailbox->tombstones[entry.uid] = state_->modseq;
      mailbox->publish({}, mailbox->view->uid_next(), state_->modseq, mailbox->keywords());
      co_return Result<void>{};
    }
    std::map<std::string, std::shared_ptr<MemoryMailboxState>> moved;
    for (const auto& [name, state] : state_->mailboxes) {
      if (name == from || name.starts_with(from + kHierarchyDelimiter)) moved[name] = state;
    }
    for (const auto& [name, state] : moved) state_->mailboxes.erase(name);
    // The superiors of the new name, made by way of a mailbox that is replaced at once.
    state_->make(to, 0);
    for (const auto& [name, state] : moved) state_->mailboxes[to + name.substr(from.size())] = state;
    state_->watches->tell();
    co_return Result<void>{};
  }

  io::Task<Result<void>> subscribe(std::string name, Subscription subscription) override {
    CO_TRY(state_->take_trouble());
    if (subscription == Subscription::subscribe) {
      state_->subscriptions.insert(std::move(name));
    } else {
      state_->subscriptions.erase(name);
    }
    state_->watches->tell();
    co_return Result<void>{};
  }

  io::Task<Result<StatusValues>> status(std::string name) override {
    const auto mailbox = CO_TRY(selectable(name));
    StatusValues values{.uid_next = mailbox->view->uid_next(),
                        .uid_validity = mailbox->uid_validity,
                        .highest_modseq = mailbox->view->highest_modseq(),
                        .id = mailbox->id,
                        .append_limit = {}};
    for (const auto& entry : mailbox->entries()) {
      ++values.messages;
      values.unseen += (entry.flags & kSeen) == 0;
      values.deleted += (entry.flags & kDeleted) != 0;
      values.recent += entry.uid > mailbox->recent_above;
      values.octets += std::max(entry.size, entry.ascii_size);
    }
    co_return values;
  }

  io::Task<Result<std::uint64_t>> deleted_octets(std::string name) override {
    std::uint64_t octets = 0;
    for (const auto& entry : CO_TRY(selectable(name))->entries()) {
      if ((entry.flags & kDeleted) != 0) octets += std::max(entry.size, entry.ascii_size);
    }
    co_return octets;
  }

  io::Task<Result<std::vector<Annotation>>> annotations(std::string name) override {
    std::vector<Annotation> all;
    const auto* from = &state_->annotations;
    if (name.empty()) {
      all.push_back({"/shared/admin", std::make_shared<const std::string>("mailto:postmaster@example.test")});
    } else {
      const auto mailbox = state_->find(name);
      if (mailbox == nullptr) co_return fail(kNonExistent, "No such mailbox");
      from = &mailbox->annotations;
      if (!reader_.empty())
        for (const auto& [entry, value] : mailbox->private_of_others[reader_.front()]) all.push_back({entry, value});
    }
    for (const auto& [entry, value] : *from)
      if (reader_.empty() || !is_private(entry)) all.push_back({entry, value});
    co_return all;
  }

  io::Task<Result<void>> annotate(std::string name, std::vector<Annotation> changes) override {
    CO_TRY(state_->take_trouble());
    auto* into = &state_->annotations;
    if (name.empty()) {
      for (const auto& change : changes) {
        if (!is_private(change.entry)) co_return fail(kNoPermission, "The server's entries are the administrator's");
      }
    } else {
      const auto mailbox = state_->find(name);
      if (mailbox == nullptr) co_return fail(kNonExistent, "No such mailbox");
      into = &mailbox->annotations;
      if (!reader_.empty()) keep_private(mailbox->private_of_others[reader_.front()], changes);
    }
    auto after = *into;
    for (const auto& [entry, value] : changes) {
      if (value == nullptr) {
        after.erase(entry);
      } else {
        after.insert_or_assign(entry, value);
      }
    }
    for (const bool own : {false, true}) {
      const auto count = std::ranges::count_if(after, [&](const auto& item) { return is_private(item.first) == own; });
      if (static_cast<std::size_t>(count) > kAnnotationsMax) co_return fail(kMetadataTooMany, "Too many annotations");
    }
    *into = std::move(after);
    for (const auto& change : changes) state_->annotation_news.push_back({{name, change.entry}, this});
    for (auto* watcher : state_->annotation_watchers) watcher->set();
    co_return Result<void>{};
  }

  std::unique_ptr<AnnotationWatch> watch_annotations(io::Event& event) override {
    class Watching : public AnnotationWatch {
     public:
      Watching(std::shared_ptr<MemoryAccountState> state, const void* author, io::Event& event)
          : state_(std::move(state)), author_(author), event_(event), seen_(state_->annotation_news.size()) {
        state_->annotation_watchers.insert(&event_);
      }
      ~Watching() override { state_->annotation_watchers.erase(&event_); }
      std::vector<AnnotationChange> take() override {
        std::vector<AnnotationChange> changes;
        for (; seen_ < state_->annotation_news.size(); ++seen_) {
          const auto& news = state_->annotation_news[seen_];
          if (news.author != author_) changes.push_back(news.change);
        }
        return changes;
      }

     private:
      std::shared_ptr<MemoryAccountState> state_;
      const void* author_;
      io::Event& event_;
      std::size_t seen_;
    };
    return std::make_unique<Watching>(state_, this, event);
  }

  [[nodiscard]] std::string owner() const override { return state_->user; }

  io::Task<Result<AccessList>> access(std::string name) override {
    const auto mailbox = state_->find(name);
    if (mailbox == nullptr) co_return fail(kNonExistent, "No such mailbox");
    co_return mailbox->access;
  }

  io::Task<Result<void>> set_access(std::string name, AccessLine line, AccessChange change) override {
    CO_TRY(state_->take_trouble());
    const auto mailbox = state_->find(name);
    if (mailbox == nullptr) co_return fail(kNonExistent, "No such mailbox");
    auto& list = mailbox->access;
    auto at = std::ranges::find_if(
        list, [&](const auto& other) { return other.identifier == line.identifier && other.sense == line.sense; });
    if (at == list.end()) at = list.insert(at, {line.identifier, line.sense, 0});
    if (change == AccessChange::replace) at->rights = line.rights;
    if (change == AccessChange::add) at->rights |= line.rights;
    if (change == AccessChange::remove) at->rights &= static_cast<Rights>(~line.rights);
    if (at->rights == 0) list.erase(at);
    std::ranges::sort(list, {}, [](const auto& other) { return std::pair(other.identifier, other.sense); });
    for (auto* watcher : mailbox->watchers) watcher->set();
    state_->watches->tell();
    co_return Result<void>{};
  }

  io::Task<Result<std::vector<QuotaRoot>>> quota_roots(std::string) override { co_return std::vector{own_quota()}; }

  io::Task<Result<QuotaRoot>> quota(std::string root) override {
    if (!root.empty()) co_return fail(kNonExistent, "No such quota root");
    co_return own_quota();
  }

  io::Task<Result<std::shared_ptr<Mailbox>>> select(std::string name, Access access) override {
    co_return std::make_shared<MemoryMailbox>(state_, CO_TRY(selectable(name)), access, reader_);
  }

  std::unique_ptr<AccountWatcher> watch(io::Event& event) override {
    class Registered : public AccountWatcher {
     public:
      Registered(std::shared_ptr<MemoryWatches> watches, io::Event& event) : watches_(std::move(watches)) {
        watch_.event = &event;
        watches_->all.insert(&watch_);
      }
      ~Registered() override { watches_->all.erase(&watch_); }
      bool take() override { return std::exchange(watch_.dirty, false); }

     private:
      std::shared_ptr<MemoryWatches> watches_;
      MemoryWatches::Watch watch_;
    };
    return std::make_unique<Registered>(state_->watches, event);
  }

  io::Task<Result<std::unique_ptr<Append>>> append(std::string name) override {
    auto mailbox = selectable(name);
    if (!mailbox) co_return fail(kTryCreate, "No such mailbox");
    co_return memory_append(state_, *std::move(mailbox));
  }

  io::Task<Result<std::unique_ptr<Append>>> replace(std::string name, Replaced replaced) override {
    auto mailbox = selectable(name);
    if (!mailbox) co_return fail(kTryCreate, "No such mailbox");
    for (const auto& [other, source] : state_->mailboxes)
      if (source->id == replaced.mailbox) co_return memory_append(state_, *std::move(mailbox), source, replaced.uid);
    co_return fail(kExpungeIssued, "The message is not there any more");
  }

  [[nodiscard]] bool is_user(std::string_view name) const override { return !is_guest() && name == user_; }
  [[nodiscard]] bool is_guest() const override { return user_ == kMemoryGuest; }

  io::Task<Result<std::shared_ptr<Account>>> of_user(std::string name) override {
    auto state = name == kMemoryGuest ? nullptr : store_.find(name);
    if (state == nullptr) co_return fail(kNonExistent, "No such user");
    co_return std::make_shared<MemoryAccount>(store_, std::move(name), std::move(state));
  }

  io::Task<Result<std::optional<std::string>>> url_key(std::string name) override {
    co_return CO_TRY(selectable(name))->url_key;
  }

  io::Task<Result<std::string>> make_url_key(std::string name) override {
    CO_TRY(state_->take_trouble());
    const auto mailbox = CO_TRY(selectable(name));
    if (!mailbox->url_key) mailbox->url_key = system_random().octets(kUrlKeyOctets);
    co_return *mailbox->url_key;
  }

  io::Task<Result<void>> remove_url_keys(std::optional<std::string> name) override {
    CO_TRY(state_->take_trouble());
    if (is_guest()) co_return fail(kNoPermission, "Guests change nothing");
    if (name && state_->find(*name) == nullptr) co_return fail(kNonExistent, "No such mailbox");
    for (const auto& [other, mailbox] : state_->mailboxes) {
      if ((name && other != *name) || !std::exchange(mailbox->url_key, std::nullopt)) continue;
      ++mailbox->url_keys_removed;
      for (auto* watcher : mailbox->watchers) watcher->set();
    }
    co_return Result<void>{};
  }

 private:
  [[nodiscard]] Result<std::shared_ptr<MemoryMailboxState>> selectable(std::string_view name) const {
    auto mailbox = state_->find(name);
    if (mailbox == nullptr) return fail(kNonExistent, "No such mailbox");
    if (!mailbox->selectable) return fail(kCannot, "That name holds no messages");
    return mailbox;
  }

  [[nodiscard]] QuotaRoot own_quota() const {
    if (state_->quota == UINT64_MAX) return {};
    return {.name = {}, .resources = {{QuotaResource::Kind::storage, state_->octets, state_->quota}}};
  }

  /// Takes what is private out of the changes, into a reader's own.
  static void keep_private(MemoryMailboxState::Annotations& into, std::vector<Annotation>& changes) {
    for (const auto& [entry, value] : changes) {
      if (!is_private(entry)) continue;
      if (value == nullptr) {
        into.erase(entry);
      } else {
        into.insert_or_assign(entry, value);
      }
    }
    std::erase_if(changes, [](const auto& change) { return is_private(change.entry); });
  }

  static void end(MemoryMailboxState& mailbox) {
    mailbox.deleted = true;
    for (auto* watcher : mailbox.watchers) watcher->set();
  }

  const MemoryStore& store_;
  std::string user_;
  std::vector<std::string> reader_;
};

/// All accounts of the store but one's own, where they grant something.
class MemoryNeighbours final : public Neighbours {
 public:
  MemoryNeighbours(const MemoryStore& store, std::string user) : store_(store), user_(std::move(user)) {}
  [[nodiscard]] bool has_public() const override { return !store_.public_account.empty(); }
  [[nodiscard]] std::string own_key() const override { return "of" + user_; }

  io::Task<Result<std::vector<Neighbour>>> all() override {
    std::vector<Neighbour> found;
    for (const auto& [user, state] : store_.accounts())
      if (auto one = neighbour(user)) found.push_back(*std::move(one));
    co_return found;
  }

  [[nodiscard]] std::string_view prefix_of(std::string_view name) const override {
    if (name.starts_with(kPublicPrefix)) return kPublicPrefix;
    if (!name.starts_with(kOthersPrefix)) return {};
    const auto end = name.find(kHierarchyDelimiter, kOthersPrefix.size());
    return end == std::string_view::npos ? std::string_view() : name.substr(0, end + 1);
  }

  io::Task<Result<std::optional<Neighbour>>> find(std::string prefix) override {
    if (prefix == kPublicPrefix) co_return neighbour(store_.public_account);
    auto found = neighbour(prefix.substr(kOthersPrefix.size(), prefix.size() - kOthersPrefix.size() - 1));
    if (found && found->prefix != prefix) found.reset();  // the public one, which has another name
    co_return found;
  }

  io::Task<Result<std::string>> identifier(std::string written) override {
    if (written == "anyone") co_return written;
    if (store_.find(written) == nullptr) co_return fail(kCannot, "There is no such user");
    co_return written;
  }

 private:
  /// Where it grants something.
  std::optional<Neighbour> neighbour(const std::string& user) {
    const std::vector<std::string> reader = {user_, "anyone"};
    const auto state = store_.find(user);
    const auto grants = [&](const auto& mailbox) { return mailbox.second->rights_of(reader) != 0; };
    if (user == user_ || state == nullptr || std::ranges::none_of(state->mailboxes, grants)) return std::nullopt;
    auto& account = known_[user];
    if (account == nullptr) account = std::make_shared<MemoryAccount>(store_, user, state, reader);
    const bool is_public = user == store_.public_account;
    return Neighbour{.prefix = is_public ? std::string(kPublicPrefix) : std::string(kOthersPrefix) + user + "/",
                     .key = "of" + user,  // as copied_id() has it
                     .account = account};
  }

  const MemoryStore& store_;
  std::string user_;
  std::map<std::string, std::shared_ptr<Account>, std::less<>> known_;
};

}  // namespace

std::uint32_t MemoryStore::deliver(MemoryAccountState& account, std::string_view mailbox, std::string octets,
                                   FlagList flags) {
  std::vector<Arrival> arrivals;
  arrivals.push_back(
      {.email = account.keep(std::move(octets)), .flags = std::move(flags), .date = {account.now.seconds()}});
  const auto outcome = arrive(account, *account.find(mailbox), arrivals);
  return outcome ? outcome->uids.max() : 0;
}

bool MemoryAuthenticator::login_permitted() const {
  return plaintext_ == Plaintext::always || connection_.tls() != nullptr;
}

io::Task<Result<std::shared_ptr<Account>>> MemoryAuthenticator::open(sasl::Identity identity,
                                                                     std::string_view /*mechanism*/) {
  // Guests read what is everybody's.
  const bool guest = identity.standing == sasl::Standing::guest;
  std::string user = guest ? kMemoryGuest : identity.authentication_id;
  auto account = store_.find(user);
  if (account == nullptr) co_return fail(sasl::kBadCredentials, "nobody's account");
  std::unique_ptr<Neighbours> neighbours;
  if (!guest) neighbours = std::make_unique<MemoryNeighbours>(store_, account->user);
  co_return std::make_shared<SharingAccount>(
      std::make_shared<MemoryAccount>(store_, std::move(user), std::move(account)), std::move(neighbours));
}

io::Task<Error> MemoryAuthenticator::refused(Error error) { co_return error; }

}  // namespace angarium::protocol::imap
