// Random operations on an account, compared step by step with a small model in memory, by seed. Sessions keep views and
// clients resynchronise; the store crashes and comes back. A failing seed is shortened before it is printed.
#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <set>
#include <stdexcept>

#include "base/random.h"
#include "mailbox/test_world.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::mailbox;
using angarium::mailbox::test::World;

namespace {

constexpr AccountId kAccount = 77;

struct Mismatch : std::runtime_error {
  using std::runtime_error::runtime_error;
};
void require(bool holds, const std::string& what) {
  if (!holds) throw Mismatch(what);
}

struct Message {
  std::string octets;
  SystemFlags flags = 0;
  std::set<std::string> keywords;
  EmailId email = 0;
};

struct Box {
  MailboxId id = 0;
  std::uint32_t uid_validity = 0;
  Uid uid_next = 1;
  bool selectable = true;
  AccessList access;
  std::map<Uid, Message> messages;
  std::set<Uid> used;  ///< every UID ever seen under this UIDVALIDITY
};

/// What an IMAP session shows its client: told by differences of views only.
struct Session {
  MailboxId mailbox = 0;
  ViewPtr told;
  std::map<Uid, SystemFlags> shown;
  std::unique_ptr<Watch> watch;
};

/// A client that goes away and comes back by QRESYNC.
struct Client {
  MailboxId mailbox = 0;
  std::uint32_t uid_validity = 0;
  Modseq modseq = 0;
  std::map<Uid, SystemFlags> known;
};

/// What a run stands on.
struct Kind {
  store::StateKind state = store::StateKind::sorted;
  std::string keys;  ///< where the server's key is; empty: nothing is sealed
};

class Run {
 public:
  Run(std::uint64_t seed, Kind kind) : seed_(seed), world_(kind.state) {
    if (!kind.keys.empty()) world_.seal(kind.keys);
    world_.must(world_.store->create_account(kAccount, {}));
    mail_ = world_.account(kAccount);
    for (const MailboxInfo& info : mail_->listing()->mailboxes)
      boxes_[info.name] = {.id = info.id, .uid_validity = info.uid_validity};
    for (const auto& [name, box] : boxes_) last_validity_ = std::max(last_validity_, box.uid_validity);
  }

  /// One step, from its own seed: leaving others out does not change it.
  std::string step(std::size_t number) {
    random_ = SeededRandom(seed_ * 1'000'003 + number);
    const std::string what = act();
    check();
    if (number % 40 == 39) check_deeply();
    return what;
  }
  void check_deeply() {
    for (const auto& [name, box] : boxes_)
      for (const auto& [uid, message] : box.messages)
        require(world_.octets(*mail_, message.email) == message.octets,
                name + ": other octets for UID " + std::to_string(uid));
    auto report = verify_mail(*world_.tablet);
    require(report.has_value() && report->damage.empty(),
            report && !report->damage.empty() ? report->damage[0] : "verify failed");
  }

 private:
  static constexpr std::array kWords = {"$Work", "later", "a", "b", "zz"};

  std::string act() {
    switch (random_.below(23)) {
      case 0:
      case 1:
      case 2: return deliver(1 + random_.below(3));
      case 3: return random_.below(2) == 0 ? append() : replace();
      case 4:
      case 5:
      case 6:
      case 7: return store();
      case 8:
      case 9: return expunge();
      case 10: return copy();
      case 11:
      case 12: return move();
      case 13: return create();
      case 14: return remove();
      case 15: return rename();
      case 16:
      case 17: return watch();
      case 18:
      case 19: return resynchronise();
      case 20: return together();
      case 21: return grant();
      default: return start_again();
    }
  }

  Box* any_box(std::string* name = nullptr) {
    auto at = boxes_.begin();
    std::advance(at, random_.below(boxes_.size()));
    // INBOX and what holds messages more often than not.
    if (random_.below(2) == 0 || !at->second.selectable) at = boxes_.find("INBOX");
    if (name) *name = at->first;
    return &at->second;
  }
  UidSet any_set(const Box& box) {
    UidSet set;
    if (random_.below(6) == 0) return UidSet::all();
    for (std::uint64_t i = 1 + random_.below(4); i > 0; --i) {
      const Uid first = 1 + static_cast<Uid>(random_.below(box.uid_next + 1));
      set.add({first, first + static_cast<Uid>(random_.below(6))});
    }
    return set;
  }
  std::string any_text() {
    const std::uint64_t number = ++texts_;
    return "Message-ID: <" + std::to_string(seed_) + "." + std::to_string(number) + "@m>\r\nIn-Reply-To: <" +
           std::to_string(seed_) + "." + std::to_string(random_.below(number)) + "@m>\r\nSubject: s\r\n\r\n" +
           std::string(random_.below(3000), 'x') + "\r\n";
  }
  FlagNames any_flags() {
    FlagNames flags;
    flags.system = static_cast<SystemFlags>(random_.below(32));
    for (const char* word : kWords)
      if (random_.below(4) == 0) flags.keywords.emplace_back(word);
    return flags;
  }
  static void add(Box& box, Uid uid, Message message) {
    require(uid >= box.uid_next, "UID " + std::to_string(uid) + " is below UIDNEXT");
    require(box.used.insert(uid).second, "UID " + std::to_string(uid) + " was used before");
    box.messages[uid] = std::move(message);
    box.uid_next = uid + 1;
  }
  Box& by_id(MailboxId id) {
    for (auto& [name, box] : boxes_)
      if (box.id == id) return box;
    throw Mismatch("a mailbox id nobody knows");
  }
  EmailId email_at(const Box& box, Uid uid) {
    const ViewPtr view = world_.must(mail_->view(box.id));
    const Entry* const entry = view->find(uid);
    require(entry, "a message that was added is not there");
    return entry->email;
  }

  std::string deliver(std::uint64_t targets) {
    const std::string octets = any_text();
    std::vector<DeliveryTarget> to;
    std::set<Box*> model;
    std::vector<std::pair<Box*, FlagNames>> expected;
    for (std::uint64_t i = 0; i < targets; ++i) {
      std::string name;
      Box* const box = any_box(&name);
      const FlagNames flags = any_flags();
      to.push_back({name, flags});
      if (model.insert(box).second) expected.emplace_back(box, flags);
    }
    const Delivered delivered = world_.deliver(kAccount, octets, to);
    for (const auto& [box, flags] : expected)
      add(*box, box->uid_next,
          {"Return-Path: <a@b>\r\n" + octets,
           flags.system,
           {flags.keywords.begin(), flags.keywords.end()},
           delivered.email});
    return "deliver to " + std::to_string(expected.size());
  }

  std::string append() {
    Box* const box = any_box();
    std::vector<AppendItem> items;
    std::vector<Message> messages;
    for (std::uint64_t i = 1 + random_.below(3); i > 0; --i) {
      const std::string octets = any_text();
      const FlagNames flags = any_flags();
      items.push_back({world_.content(octets), flags, {}});
      messages.push_back({octets, flags.system, {flags.keywords.begin(), flags.keywords.end()}, 0});
    }
    const AppendResult result = world_.must(mail_->append(box->id, items));
    require(result.uids.count() == messages.size(), "APPEND gave another number of UIDs");
    std::size_t i = 0;
    result.uids.for_each([&](Uid uid) {
      messages[i].email = email_at(*box, uid);
      add(*box, uid, messages[i++]);
    });
    return "append " + std::to_string(items.size());
  }

  std::string replace() {
    Box* const from = any_box();
    Box* const to = any_box();
    if (from->messages.empty()) return "replace nothing";
    const auto gone =
        std::next(from->messages.begin(), static_cast<std::ptrdiff_t>(random_.below(from->messages.size())));
    const Uid uid = gone->first;
    const std::string octets = any_text();
    const FlagNames flags = any_flags();
    const AppendResult result = world_.must(mail_->replace(from->id, uid, to->id, {world_.content(octets), flags, {}}));
    require(result.uids.count() == 1, "REPLACE gave another number of UIDs");
    from->messages.erase(gone);
    const Uid given = result.uids.ranges().front().first;
    add(*to, given, {octets, flags.system, {flags.keywords.begin(), flags.keywords.end()}, email_at(*to, given)});
    return "replace " + std::to_string(uid);
  }

  std::string store() {
    Box* const box = any_box();
    const UidSet set = any_set(*box);
    const FlagRequest request{static_cast<FlagMode>(random_.below(3)), any_flags()};
    FlagOptions options;
    std::map<Uid, Modseq> modseqs;
    const ViewPtr before = world_.must(mail_->view(box->id));
    if (random_.below(3) == 0)
      options.unchanged_since =
          before->numbers().highest_modseq - std::min(before->numbers().highest_modseq - 1, random_.below(9));
    const FlagResult result = world_.must(mail_->change_flags(box->id, set, request, options));
    UidSet changed;
    UidSet modified;
    for (auto& [uid, message] : box->messages) {
      if (!set.contains(uid)) continue;
      if (options.unchanged_since && before->find(uid)->modseq > *options.unchanged_since) {
        modified.add(uid);
        continue;
      }
      Message after = message;
      const std::set<std::string> words(request.flags.keywords.begin(), request.flags.keywords.end());
      if (request.mode == FlagMode::replace) {
        after.flags = request.flags.system;
        after.keywords = words;
      } else if (request.mode == FlagMode::add) {
        after.flags |= request.flags.system;
        after.keywords.insert(words.begin(), words.end());
      } else {
        after.flags &= static_cast<SystemFlags>(~request.flags.system);
        for (const std::string& word : words) after.keywords.erase(word);
      }
      if (after.flags != message.flags || after.keywords != message.keywords) changed.add(uid);
      message = after;
    }
    require(result.changed == changed, "STORE changed " + result.changed.text() + ", expected " + changed.text());
    require(result.modified == modified, "STORE refused " + result.modified.text() + ", expected " + modified.text());
    return "store " + set.text();
  }

  std::string expunge() {
    Box* const box = any_box();
    const UidSet set = any_set(*box);
    const auto only = random_.below(3) == 0 ? ExpungeOnly::any : ExpungeOnly::deleted;
    const ExpungeResult result = world_.must(mail_->expunge(box->id, set, only));
    UidSet expected;
    for (const auto& [uid, message] : box->messages)
      if (set.contains(uid) && (only == ExpungeOnly::any || (message.flags & kDeleted) != 0)) expected.add(uid);
    require(result.expunged == expected, "EXPUNGE took " + result.expunged.text() + ", expected " + expected.text());
    expected.for_each([&](Uid uid) { box->messages.erase(uid); });
    return "expunge " + set.text();
  }

  std::string transfer(bool move_them) {
    Box* const from = any_box();
    Box* const to = any_box();
    const UidSet set = any_set(*from);
    const CopyResult result =
        world_.must(move_them ? mail_->move(from->id, set, to->id) : mail_->copy(from->id, set, to->id));
    std::vector<std::pair<Uid, Message>> chosen;
    for (const auto& [uid, message] : from->messages)
      if (set.contains(uid)) chosen.emplace_back(uid, message);
    require(result.source.count() == chosen.size() && result.target.count() == chosen.size(), "COPY of another number");
    std::size_t i = 0;
    result.source.for_each([&](Uid uid) { require(chosen[i++].first == uid, "COPY of another UID"); });
    if (move_them)
      for (const auto& [uid, message] : chosen) from->messages.erase(uid);
    i = 0;
    result.target.for_each([&](Uid uid) { add(*to, uid, chosen[i++].second); });
    return (move_them ? "move " : "copy ") + set.text();
  }
  std::string copy() { return transfer(false); }
  std::string move() { return transfer(true); }

  std::string any_name() {
    static constexpr std::array kNames = {"a", "a/b", "a/b/c", "d", "a/e", "INBOX/sub"};
    return kNames[random_.below(kNames.size())];
  }
  /// Takes over what the listing says of mailboxes the model does not know yet.
  void take_new() {
    for (const MailboxInfo& info : mail_->listing()->mailboxes) {
      auto [at, is_new] = boxes_.try_emplace(info.name);
      if (!is_new && at->second.uid_validity == info.uid_validity) continue;
      require(info.uid_validity > last_validity_, "UIDVALIDITY was used before");
      validities_.push_back(info.uid_validity);
      at->second = {.id = info.id, .uid_validity = info.uid_validity};
    }
    for (const std::uint32_t validity : validities_) last_validity_ = std::max(last_validity_, validity);
  }
  bool has_inferiors(const std::string& name) const {
    return std::any_of(boxes_.begin(), boxes_.end(),
                       [&](const auto& box) { return box.first.starts_with(name + "/"); });
  }

  /// Who may do what with a mailbox.
  std::string grant() {
    static constexpr std::array kWho = {"anyone", "bob", "eve"};
    std::string name;
    Box* const box = any_box(&name);
    const AccessEntry entry{kWho[random_.below(kWho.size())],
                            random_.below(3) == 0 ? AccessEntry::Sense::deny : AccessEntry::Sense::grant,
                            static_cast<Rights>(random_.below(kAllRights + 1))};
    const auto change = static_cast<AccessChange>(random_.below(3));
    world_.must(mail_->set_access(box->id, entry, change));
    box->access = changed(box->access, entry, change);
    return "grant in " + name;
  }
  /// A mailbox that is made has the list of the one above it.
  void inherit(const std::set<std::string>& before) {
    for (auto& [name, box] : boxes_) {
      if (before.contains(name)) continue;
      const auto above = boxes_.find(name.substr(0, std::min(name.rfind('/'), name.size())));
      box.access = name.contains('/') && above != boxes_.end() ? above->second.access : AccessList();
    }
  }
  std::set<std::string> names() const {
    std::set<std::string> all;
    for (const auto& [name, box] : boxes_) all.insert(name);
    return all;
  }

  std::string create() {
    const std::string name = any_name();
    const auto result = world_.run(mail_->create(name, SpecialUse::none));
    const auto at = boxes_.find(name);
    require(result.has_value() == (at == boxes_.end() || !at->second.selectable), "CREATE of " + name);
    std::set<std::string> before = names();
    if (result) before.erase(name);
    take_new();
    inherit(before);
    return "create " + name;
  }

  std::string remove() {
    const std::string name = any_name();
    const auto at = boxes_.find(name);
    const auto result = world_.run(mail_->remove(name));
    const bool inferiors = has_inferiors(name);
    require(result.has_value() == (at != boxes_.end() && (!inferiors || at->second.selectable)), "DELETE of " + name);
    if (result && inferiors) {
      at->second.selectable = false;
      at->second.access.clear();
      at->second.messages.clear();
    } else if (result) {
      boxes_.erase(at);
    }
    return "delete " + name;
  }

  std::string rename() {
    const std::string from = any_name();
    const std::string to = any_name();
    const auto result = world_.run(mail_->rename(from, to));
    const bool possible = boxes_.contains(from) && !boxes_.contains(to) && !to.starts_with(from + "/");
    require(result.has_value() == possible, "RENAME " + from + " to " + to);
    if (result) {
      std::map<std::string, Box> moved;
      for (auto at = boxes_.begin(); at != boxes_.end();) {
        if (at->first == from || at->first.starts_with(from + "/")) {
          moved[to + at->first.substr(from.size())] = std::move(at->second);
          at = boxes_.erase(at);
        } else {
          ++at;
        }
      }
      boxes_.merge(moved);
      const std::set<std::string> before = names();
      take_new();
      inherit(before);
    }
    return "rename " + from + " to " + to;
  }

  /// A session looks, or one begins.
  std::string watch() {
    if (sessions_.size() < 3) {
      const Box* const box = any_box();
      Session session;
      session.mailbox = box->id;
      session.watch = mail_->watch(box->id, {});
      session.told = world_.must(mail_->view(box->id));
      session.told->for_each([&](std::uint32_t, const Entry& entry) { session.shown[entry.uid] = entry.flags(); });
      sessions_.push_back(std::move(session));
      return "select";
    }
    const std::size_t which = random_.below(sessions_.size());
    Session& session = sessions_[which];
    const bool dirty = session.watch->take();
    auto now = world_.run(mail_->view(session.mailbox));
    if (!now || now->get()->numbers().uid_validity != session.told->numbers().uid_validity) {
      require(dirty, "a session was not told that its mailbox is gone");
      sessions_.erase(sessions_.begin() + static_cast<std::ptrdiff_t>(which));
      return "a session's mailbox is gone";
    }
    const ViewDifference what = difference(*session.told, **now);
    require(dirty || what.empty(), "a session was not told of a change");
    what.expunged.for_each([&](Uid uid) {
      // It was never told, so it may still read.
      if (random_.below(4) == 0) world_.octets(*mail_, session.told->find(uid)->email);
      session.shown.erase(uid);
    });
    for (const UidSet* set : {&what.changed, &what.appeared})
      set->for_each([&](Uid uid) { session.shown[uid] = (*now)->find(uid)->flags(); });
    session.told = *now;
    compare(session.shown, by_id(session.mailbox), "a session");
    return "a session looks";
  }

  static void compare(const std::map<Uid, SystemFlags>& shown, const Box& box, const std::string& who) {
    require(shown.size() == box.messages.size(), who + " has another number of messages");
    for (const auto& [uid, flags] : shown) {
      const auto at = box.messages.find(uid);
      require(at != box.messages.end() && at->second.flags == flags,
              who + " has other flags for UID " + std::to_string(uid));
    }
  }

  /// RFC 7162 §3.2.5: what a client that was away needs to be right again.
  std::string resynchronise() {
    if (clients_.size() < 3) {
      const Box* const box = any_box();
      Client client{.mailbox = box->id, .uid_validity = box->uid_validity};
      client.modseq = mail_->status(box->id)->highest_modseq;
      for (const auto& [uid, message] : box->messages) client.known[uid] = message.flags;
      clients_.push_back(std::move(client));
      return "a client goes away";
    }
    const std::size_t which = random_.below(clients_.size());
    Client& client = clients_[which];
    auto now = world_.run(mail_->view(client.mailbox));
    if (!now || (*now)->numbers().uid_validity != client.uid_validity) {
      clients_.erase(clients_.begin() + static_cast<std::ptrdiff_t>(which));
      return "a client's mailbox is gone";
    }
    UidSet known;
    for (const auto& [uid, flags] : client.known) known.add(uid);
    require((*now)->numbers().highest_modseq >= client.modseq, "HIGHESTMODSEQ went back");
    const UidSet gone = world_.must(mail_->vanished(client.mailbox, client.modseq, known));
    gone.for_each([&](Uid uid) { client.known.erase(uid); });
    (*now)->for_each_since(client.modseq,
                           [&](std::uint32_t, const Entry& entry) { client.known[entry.uid] = entry.flags(); });
    client.modseq = (*now)->numbers().highest_modseq;
    compare(client.known, by_id(client.mailbox), "a client");
    return "a client comes back";
  }

  /// Several at the same time: deliveries and changes that do not depend on each other's order.
  std::string together() {
    Box& inbox = boxes_.at("INBOX");
    const std::size_t count = 2 + random_.below(6);
    std::vector<std::string> texts;
    std::vector<std::optional<Result<std::vector<Result<Delivered>>>>> delivered(count);
    std::optional<Result<FlagResult>> stored;
    for (std::size_t i = 0; i < count; ++i) {
      texts.push_back(any_text());
      Delivery delivery;
      delivery.content = world_.content(texts[i]);
      delivery.recipients.push_back({.account = kAccount});
      world_.loop.spawn(deliver_one(*world_.store, std::move(delivery), delivered[i]));
      if (i == count / 2) world_.loop.spawn(store_one(*mail_, inbox.id, stored));
    }
    world_.loop.settle();
    require(stored && stored->has_value(), "STORE among deliveries failed");
    for (auto& [uid, message] : inbox.messages) message.flags |= kFlagged;
    std::map<Uid, std::pair<std::string, EmailId>> arrived;
    for (std::size_t i = 0; i < count; ++i) {
      require(delivered[i] && delivered[i]->has_value() && (**delivered[i])[0].has_value(),
              "a delivery among others failed");
      const Delivered& one = *(**delivered[i])[0];
      require(arrived.emplace(one.uid, std::pair(texts[i], one.email)).second, "two deliveries got one UID");
    }
    for (const auto& [uid, what] : arrived) {
      require(uid == inbox.uid_next, "UIDs of deliveries have a gap");
      add(inbox, uid, {what.first, 0, {}, what.second});
    }
    // The STORE meant what was visible when it came: that may be some of the new ones.
    const ViewPtr view = world_.must(mail_->view(inbox.id));
    for (auto& [uid, message] : inbox.messages) {
      require(view->find(uid), "a message is missing");
      if (arrived.contains(uid)) message.flags = view->find(uid)->flags() & kFlagged;
    }
    return "several at once";
  }
  static io::Task<> deliver_one(MailboxStore& store, Delivery delivery,
                                std::optional<Result<std::vector<Result<Delivered>>>>& result) {
    result.emplace(co_await store.deliver(std::move(delivery)));
  }
  static io::Task<> store_one(AccountMail& mail, MailboxId mailbox, std::optional<Result<FlagResult>>& result) {
    result.emplace(co_await mail.change_flags(mailbox, UidSet::all(), {FlagMode::add, {kFlagged, {}}}, {}));
  }

  std::string start_again() {
    sessions_.clear();
    mail_.reset();
    std::string what = "stop and start";
    if (random_.below(2) == 0) {
      world_.crash();
      what = "crash";
    } else {
      world_.reopen();
    }
    mail_ = world_.account(kAccount);
    return what;
  }

  /// After each step: listing, counters and messages of every mailbox are those of the model.
  void check() {
    const ListingPtr listing = mail_->listing();
    require(listing->mailboxes.size() == boxes_.size(), "another number of mailboxes");
    require(mail_->modseq() >= modseq_, "the account's MODSEQ went back");
    modseq_ = mail_->modseq();
    for (const auto& [name, box] : boxes_) {
      const MailboxInfo* const info = listing->find(name);
      require(
          info && info->id == box.id && info->uid_validity == box.uid_validity && info->selectable == box.selectable,
          name + " is listed otherwise");
      require(info->has_children == has_inferiors(name), name + " has other children");
      require((info->access ? *info->access : AccessList()) == box.access, name + " has another list");
      if (box.selectable) check(name, box);
    }
  }
  void check(const std::string& name, const Box& box) {
    const ViewPtr view = world_.must(mail_->view(box.id));
    const Status status = *mail_->status(box.id);
    require(view->size() == box.messages.size() && status.messages == view->size(),
            name + " has another number of messages");
    require(status.uid_next >= box.uid_next && view->numbers().uid_next == status.uid_next,
            name + " has another UIDNEXT");
    require(status.highest_modseq <= modseq_, name + " has a MODSEQ above the account's");
    require(static_cast<std::int64_t>(status.unseen) == view->tally().unseen &&
                static_cast<std::int64_t>(status.deleted) == view->tally().deleted &&
                static_cast<std::int64_t>(status.octets) == view->tally().octets,
            name + " has counters other than its messages");
    std::uint32_t sequence = 0;
    for (const auto& [uid, message] : box.messages) {
      const Entry& entry = view->at(++sequence);
      require(entry.uid == uid && entry.email == message.email,
              name + " has another message at " + std::to_string(sequence));
      require(entry.flags() == message.flags, name + " has other flags for UID " + std::to_string(uid));
      require(entry.modseq <= status.highest_modseq, name + " has a MODSEQ above HIGHESTMODSEQ");
      require(entry.size == message.octets.size(), name + " has another size for UID " + std::to_string(uid));
      std::set<std::string> keywords;
      view->keywords_of(entry).for_each([&](std::uint16_t i) { keywords.insert(view->keywords().name(i)); });
      require(keywords == message.keywords, name + " has other keywords for UID " + std::to_string(uid));
    }
  }

  std::uint64_t seed_;
  SeededRandom random_{0};
  World world_;
  AccountMailPtr mail_;
  std::map<std::string, Box> boxes_;
  std::vector<Session> sessions_;
  std::vector<Client> clients_;
  std::vector<std::uint32_t> validities_;
  std::uint32_t last_validity_ = 0;
  std::uint64_t texts_ = 0;
  Modseq modseq_ = 0;
};

struct Outcome {
  std::string failure;  ///< empty: none
  std::size_t at = 0;
  std::string trace;
};

Outcome play(std::uint64_t seed, const Kind& kind, const std::vector<std::size_t>& steps) {
  Outcome outcome;
  try {
    Run run(seed, kind);
    for (outcome.at = 0; outcome.at < steps.size(); ++outcome.at)
      outcome.trace += std::to_string(steps[outcome.at]) + ": " + run.step(steps[outcome.at]) + "\n";
    run.check_deeply();
  } catch (const std::exception& failure) {
    outcome.failure = failure.what();
    outcome.trace += outcome.at < steps.size() ? std::to_string(steps[outcome.at]) + ": fails\n" : "at the end\n";
  }
  return outcome;
}

/// Leaves out what the failure does not need.
std::string shorten(std::uint64_t seed, const Kind& kind, std::vector<std::size_t> steps, Outcome outcome) {
  steps.resize(std::min(steps.size(), outcome.at + 1));
  for (std::size_t size = std::max<std::size_t>(1, steps.size() / 2); size > 0; size /= 2) {
    for (std::size_t at = 0; at + 1 < steps.size();) {
      std::vector<std::size_t> fewer = steps;
      fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(at),
                  fewer.begin() + static_cast<std::ptrdiff_t>(std::min(at + size, steps.size() - 1)));
      Outcome again = play(seed, kind, fewer);
      if (again.failure.empty()) {
        at += size;
      } else {
        steps = std::move(fewer);
        steps.resize(std::min(steps.size(), again.at + 1));
        outcome = std::move(again);
      }
    }
  }
  return outcome.trace + "seed " + std::to_string(seed) + ": " + outcome.failure;
}

/// More by ANGARIUM_SCHEDULES, one alone by ANGARIUM_SEED.
void run_seeds(std::uint64_t by_default, const Kind& kind) {
  const char* const count = std::getenv("ANGARIUM_SCHEDULES");
  const char* const alone = std::getenv("ANGARIUM_SEED");
  const std::uint64_t first = alone ? std::strtoull(alone, nullptr, 10) : 1;
  const std::uint64_t last = alone ? first : count ? std::strtoull(count, nullptr, 10) : by_default;
  std::vector<std::size_t> steps(160);
  for (std::size_t i = 0; i < steps.size(); ++i) steps[i] = i;
  for (std::uint64_t seed = first; seed <= last; ++seed) {
    const Outcome outcome = play(seed, kind, steps);
    if (!outcome.failure.empty()) FAIL(shorten(seed, kind, steps, outcome));
  }
}

}  // namespace

TEST_CASE("the mail of an account does what a model of it does, through crashes, by seed: sorted state") {
  run_seeds(25, {.state = store::StateKind::sorted, .keys = {}});
}

TEST_CASE("the mail of an account does what a model of it does, through crashes, by seed: RocksDB") {
  run_seeds(5, {.state = store::StateKind::rocksdb, .keys = {}});
}

TEST_CASE("the mail of an account does what a model of it does, through crashes, by seed: sealed") {
  std::string folder = "/tmp/angarium-model-XXXXXX";
  REQUIRE(::mkdtemp(folder.data()) != nullptr);
  run_seeds(10, {.state = store::StateKind::sorted, .keys = folder});
  std::filesystem::remove_all(folder);
}
