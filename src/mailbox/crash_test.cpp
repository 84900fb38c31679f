// Seeded schedules: random changes to an account on a disk that loses what was not synced, tears, fails and runs full.
// After each opening the account is what was acknowledged and a prefix of what was under way: nothing lost, nothing
// half done, no UID with two messages, no MODSEQ or UIDNEXT that goes back, the same UIDVALIDITY.
#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <set>

#include "base/random.h"
#include "mailbox/test_world.h"
#include "store/schedule.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::mailbox;
using namespace angarium::mailbox::test;

namespace {

struct Message {
  Uid uid = 0;  ///< 0: not told yet
  std::string octets;
  SystemFlags flags = 0;
  std::set<std::string> keywords;
  EmailId email = 0;
  Modseq modseq = 0;
};

struct Box {
  std::uint32_t uid_validity = 0;  ///< 0: not told yet
  Uid uid_next = 1;                ///< as seen
  Modseq modseq = 1;               ///< as seen
  std::vector<Message> messages;
  std::map<Uid, std::string> seen;  ///< the octets under every UID ever seen
  std::map<std::string, std::string> metadata;
  Rights others = 0;  ///< what anyone may do
};
using Model = std::map<std::string, Box>;

struct Operation {
  enum class Kind {
    deliver,
    append,
    store,
    expunge,
    copy,
    move,
    create,
    remove,
    rename,
    annotate,
    share
  } kind = Kind::deliver;
  std::string box;
  std::string to;
  std::vector<std::string> texts;
  UidSet uids;
  FlagRequest request;
};

constexpr std::string_view kTrace = "Return-Path: <a@b>\r\n";

Message new_message(std::string octets, const FlagNames& flags) {
  return {
      .octets = std::move(octets), .flags = flags.system, .keywords = {flags.keywords.begin(), flags.keywords.end()}};
}

void change(Message& message, const FlagRequest& request) {
  const auto& words = request.flags.keywords;
  if (request.mode == FlagMode::replace) {
    message.flags = request.flags.system;
    message.keywords = {words.begin(), words.end()};
  } else if (request.mode == FlagMode::add) {
    message.flags |= request.flags.system;
    message.keywords.insert(words.begin(), words.end());
  } else {
    message.flags &= static_cast<SystemFlags>(~request.flags.system);
    for (const std::string& word : words) message.keywords.erase(word);
  }
}

/// What the operation does when it is done.
void do_in(Model& model, const Operation& operation) {
  using Kind = Operation::Kind;
  Box& box = model[operation.box];
  auto chosen = [&](const Message& message) { return operation.uids.contains(message.uid); };
  switch (operation.kind) {
    case Kind::deliver:
      box.messages.push_back(new_message(std::string(kTrace) + operation.texts[0], operation.request.flags));
      break;
    case Kind::append:
      for (const std::string& text : operation.texts)
        box.messages.push_back(new_message(text, operation.request.flags));
      break;
    case Kind::store:
      for (Message& message : box.messages)
        if (chosen(message)) change(message, operation.request);
      break;
    case Kind::expunge: std::erase_if(box.messages, chosen); break;
    case Kind::copy:
    case Kind::move: {
      std::vector<Message> copies;
      std::copy_if(box.messages.begin(), box.messages.end(), std::back_inserter(copies), chosen);
      if (operation.kind == Kind::move) std::erase_if(box.messages, chosen);
      for (Message& copy : copies) {
        copy.uid = 0;
        copy.modseq = 0;
        model[operation.to].messages.push_back(std::move(copy));
      }
      break;
    }
    case Kind::create: break;  // model[] has made it
    case Kind::remove: model.erase(operation.box); break;
    case Kind::rename:
      if (operation.box == kInbox) {
        Box& to = model[operation.to];
        to.metadata = box.metadata;
        to.messages = std::exchange(box.messages, {});
        for (Message& message : to.messages) message.uid = message.modseq = 0;
      } else {
        auto node = model.extract(operation.box);
        node.key() = operation.to;
        model.insert(std::move(node));
      }
      break;
    case Kind::share: box.others = operation.request.flags.system; break;
    case Kind::annotate:
      box.metadata.erase("/shared/a");
      for (const std::string& name : {"/private/b", "/shared/c"}) box.metadata[name] = operation.texts[0];
      if (operation.request.mode == FlagMode::remove) box.metadata.erase("/shared/c");
      break;
  }
}

class MailSchedule : public store::testing::Schedule {
 public:
  /// `keys`: where the server's key is; empty: nothing is sealed.
  MailSchedule(std::uint64_t seed, store::StateKind state, std::string keys = {})
      : Schedule(seed, state), keys_folder_(std::move(keys)) {
    options_.clock = &loop_.clock();
    options_.mergers[kKeyOctet] = &records_;
    options_.body_refs = &records_;
    options_.segment_size = 4096 + random_.below(60'000);
    options_.body_segment_size = 20'000;
    options_.flush_batches = 1 + random_.below(60);
  }

 private:
  using Kind = Operation::Kind;
  static constexpr std::array kWords = {"$Work", "later", "a", "b"};

  /// Runs a task while this thread also commits. Nothing when the task can't end.
  template <class T>
  std::optional<T> finish(io::Task<T> task) {
    std::optional<T> result;
    loop_.spawn([](io::Task<T> inner, std::optional<T>& place) -> io::Task<> {
      place.emplace(co_await std::move(inner));
    }(std::move(task), result));
    drive([&] { return result.has_value(); });
    if (!result) blame("a task did not end");
    return result;
  }
  template <class Done>
  void drive(Done done) {
    loop_.spawn([](MailSchedule& self, Done ended) -> io::Task<> {
      while (!ended()) {
        self.tablet_->commit_waiting();
        co_await io::Loop::current().yield();
      }
    }(*this, done));
    loop_.settle();
  }

  /// An account on a disk that is well.
  void begin() override {
    if (!open()) return;
    auto created = finish(mail_store_->create_account(kAlice, {}));
    if (!created || !*created) return blame("no account");
    take_account();
    if (!wrong_.empty()) return;
    for (const MailboxInfo& info : mail_->listing()->mailboxes) model_[info.name] = {.uid_validity = info.uid_validity};
    candidates_ = {model_};
    close();
  }

  [[nodiscard]] bool begun() const override { return !model_.empty(); }
  bool begin_life() override {
    if (!keys_folder_.empty()) keys_ = std::make_unique<keyring::Keys>(*tablet_, keys_folder_);
    mail_store_ =
        MailboxStore::make(*tablet_, pool_, {.clock = &loop_.clock(), .keys = keys_.get(), .sealing = Sealing::on});
    if (begun()) take_account();
    return mail_ || !begun();
  }
  void take_account() {
    auto mail = finish(mail_store_->account(kAlice));
    if (mail && *mail)
      mail_ = **mail;
    else if (!disk_->crashed())
      blame("the account does not load");
  }
  void leave_life() override {
    mail_.reset();
    mail_store_.reset();
    keys_.reset();
  }

  /// Whether the disk has failed, so that an answer that is missing is nobody's fault.
  [[nodiscard]] bool failed() const { return disk_->crashed() || !tablet_->running(); }

  /// Why a candidate is not what is there; empty if it is. Then it knows UIDs, emails and MODSEQs.
  std::string compare(Model& model) {
    const ListingPtr listing = mail_->listing();
    if (listing->mailboxes.size() != model.size()) return "another number of mailboxes";
    for (auto& [name, box] : model) {
      const MailboxInfo* const info = listing->find(name);
      if (!info) return name + " is missing";
      if (box.uid_validity != 0 && box.uid_validity != info->uid_validity) return name + " has another UIDVALIDITY";
      if (box.uid_validity == 0 && validities_.contains(info->uid_validity)) return "a UIDVALIDITY was used before";
      auto view = finish(mail_->view(info->id));
      if (!view || !*view) return failed() ? "" : name + " has no view";
      if (std::string what = compare(box, ***view); !what.empty()) return name + ": " + what;
      box.uid_validity = info->uid_validity;
      std::map<std::string, std::string> metadata;
      for (const MetadataOwner owner : {kEverybody, kAlice})
        for (const Metadata& entry : mail_->metadata(info->id, owner)) metadata[entry.name] = *entry.value;
      const Rights others = info->access ? rights_of(*info->access, {"anyone"}) : Rights{0};
      if (others != box.others) return name + " is for others";
      if (metadata != box.metadata) return name + " has other annotations";
    }
    return {};
  }
  static std::string compare(Box& box, const View& view) {
    if (view.size() != box.messages.size())
      return std::to_string(view.size()) + " messages, expected " + std::to_string(box.messages.size());
    if (view.numbers().uid_next < box.uid_next) return "UIDNEXT went back";
    if (view.numbers().highest_modseq < box.modseq) return "HIGHESTMODSEQ went back";
    Box after = box;
    std::uint32_t sequence = 0;
    for (Message& message : after.messages) {
      const Entry& entry = view.at(++sequence);
      const std::string uid = "UID " + std::to_string(entry.uid);
      if (message.uid != 0 && message.uid != entry.uid) return uid + " instead of " + std::to_string(message.uid);
      if (message.uid == 0 && entry.uid < box.uid_next) return uid + " was used before";
      if (message.email != 0 && message.email != entry.email) return uid + " is another email";
      if (entry.flags() != message.flags) return uid + " has other flags";
      if (entry.modseq < message.modseq || entry.modseq > view.numbers().highest_modseq)
        return uid + " has MODSEQ " + std::to_string(entry.modseq) + ", was " + std::to_string(message.modseq) +
               ", highest " + std::to_string(view.numbers().highest_modseq) + ", was " + std::to_string(box.modseq);
      if (entry.size != message.octets.size()) return uid + " has another size";
      std::set<std::string> keywords;
      view.keywords_of(entry).for_each([&](std::uint16_t i) { keywords.insert(view.keywords().name(i)); });
      if (keywords != message.keywords) return uid + " has other keywords";
      const auto [seen, is_new] = after.seen.emplace(entry.uid, message.octets);
      if (!is_new && seen->second != message.octets) return uid + " was another message";
      message.uid = entry.uid;
      message.email = entry.email;
      message.modseq = entry.modseq;
    }
    after.uid_next = view.numbers().uid_next;
    after.modseq = view.numbers().highest_modseq;
    box = std::move(after);
    return {};
  }

  /// What is there is one of the candidates; the others are forgotten.
  void settle() {
    if (mail_->modseq() < modseq_) return blame("the account's MODSEQ went back");
    std::string why;
    for (Model& candidate : candidates_) {
      Model model = candidate;
      const std::string what = compare(model);
      if (failed()) return;
      if (what.empty()) {
        model_ = std::move(model);
        candidates_ = {model_};
        for (const auto& [name, box] : model_) validities_.insert(box.uid_validity);
        modseq_ = mail_->modseq();
        return;
      }
      why += (why.empty() ? "" : "; or ") + what;
    }
    blame(why);
  }

  /// After an opening: the octets, too, and everything that is kept twice.
  void check() override {
    settle();
    for (const auto& [name, box] : model_) {
      for (const Message& message : box.messages) {
        if (failed() || !wrong_.empty()) return;
        auto email = finish(mail_->email(message.email));
        auto octets = email && *email ? finish(mail_->read(**email, 0, SIZE_MAX / 2)) : std::nullopt;
        if ((!octets || !*octets || **octets != message.octets) && !failed())
          return blame(name + ": other octets for UID " + std::to_string(message.uid));
      }
    }
    auto report = verify_mail(*tablet_);
    if (failed()) return;
    if (!report) return blame("verify: " + report.error().text());
    if (!report->damage.empty()) blame("verify: " + report->damage.front());
  }

  void live() override {
    for (std::uint64_t steps = 4 + random_.below(20); steps > 0 && wrong_.empty() && !failed(); --steps) {
      loop_.advance(std::chrono::milliseconds(random_.below(2000)));
      switch (random_.below(12)) {
        case 0: (void)tablet_->flush(); break;
        case 1: (void)tablet_->sweep(); break;
        case 2: disk_->set_capacity(random_.below(2) == 0 ? UINT64_MAX : 40'000 + random_.below(150'000)); break;
        case 3:
          loop_.advance(std::chrono::hours(2));
          (void)finish(mail_store_->tidy());
          break;
        case 4:
          if (keys_)
            rotate();
          else
            work();
          break;
        default: work();
      }
    }
  }

  std::string text() {
    const std::uint64_t number = ++texts_;
    return "Message-ID: <" + std::to_string(number) + "@m>\r\nIn-Reply-To: <" + std::to_string(random_.below(number)) +
           "@m>\r\nSubject: s\r\n\r\n" + std::string(random_.below(random_.below(8) == 0 ? 9000 : 400), 'x') + "\r\n";
  }
  FlagNames flags() {
    FlagNames names;
    names.system = static_cast<SystemFlags>(random_.below(32));
    for (const char* word : kWords)
      if (random_.below(4) == 0) names.keywords.emplace_back(word);
    return names;
  }
  std::string any_box() {
    if (random_.below(2) == 0) return std::string(kInbox);
    auto at = model_.begin();
    std::advance(at, random_.below(model_.size()));
    return at->first;
  }
  UidSet any_uids(const std::string& name) {
    if (random_.below(5) == 0) return UidSet::all();
    UidSet set;
    for (const Message& message : model_[name].messages)
      if (random_.below(3) == 0) set.add(message.uid);
    return set;
  }

  /// Something that the model allows.
  Operation plan() {
    static constexpr std::array kNames = {"x", "y", "z"};
    Operation plan{.box = any_box(), .to = any_box()};
    plan.request = {static_cast<FlagMode>(random_.below(3)), flags()};
    plan.uids = any_uids(plan.box);
    const std::string name = kNames[random_.below(kNames.size())];
    const bool free = !model_.contains(name);
    const std::uint64_t which = random_.below(20);
    if (which >= 16) {
      plan.kind = which < 18 ? Kind::annotate : Kind::share;
    } else if (which < 4) {
      plan.kind = Kind::deliver;
    } else if (which < 6) {
      plan.kind = Kind::append;
    } else if (which < 9) {
      plan.kind = Kind::store;
    } else if (which < 13) {
      plan.kind = std::array{Kind::expunge, Kind::copy, Kind::move, Kind::move}[which - 9];
    } else if (!free) {
      plan.kind = Kind::remove;
      plan.box = name;
    } else {
      plan.kind = which == 13 ? Kind::create : Kind::rename;
      if (which == 13) plan.box = name;
      plan.to = name;
    }
    const std::uint64_t texts = plan.kind == Kind::append ? 1 + random_.below(3) : 1;
    for (std::uint64_t i = 0; i < texts; ++i) plan.texts.push_back(text());
    return plan;
  }

  static ContentPtr content_of(MailboxStore& store, const std::string& text) {
    return store.keys() == nullptr ? make_content(text) : *make_sealed_content(text);
  }

  static io::Task<> perform(MailboxStore& store, AccountMail& mail, Operation plan, std::optional<Result<>>& outcome) {
    auto told = [&](auto result) {
      outcome.emplace(result ? Result<>() : Result<>(std::unexpected(std::move(result).error())));
    };
    const ListingPtr listing = mail.listing();
    const MailboxInfo* const box = listing->find(plan.box);
    const MailboxInfo* const to = listing->find(plan.to);
    switch (plan.kind) {
      case Kind::deliver: {
        Delivery delivery;
        delivery.content = content_of(store, plan.texts[0]);
        delivery.recipients.push_back(
            {.account = kAlice, .prepended = std::string(kTrace), .targets = {{plan.box, plan.request.flags}}});
        auto delivered = co_await store.deliver(std::move(delivery));
        if (delivered && !delivered->front()) co_return told(std::move(delivered->front()));
        co_return told(std::move(delivered));
      }
      case Kind::append: {
        std::vector<AppendItem> items;
        for (const std::string& text : plan.texts) items.push_back({content_of(store, text), plan.request.flags, {}});
        co_return told(co_await mail.append(box->id, std::move(items)));
      }
      case Kind::store: co_return told(co_await mail.change_flags(box->id, plan.uids, plan.request));
      case Kind::expunge: co_return told(co_await mail.expunge(box->id, plan.uids, ExpungeOnly::any));
      case Kind::copy: co_return told(co_await mail.copy(box->id, plan.uids, to->id));
      case Kind::move: co_return told(co_await mail.move(box->id, plan.uids, to->id));
      case Kind::create: co_return told(co_await mail.create(plan.box));
      case Kind::remove: co_return told(co_await mail.remove(plan.box));
      case Kind::share:
        co_return told(co_await mail.set_access(box->id, {.identifier = "anyone", .rights = plan.request.flags.system},
                                                AccessChange::replace));
      case Kind::annotate: {
        using Item = AccountMail::MetadataItem;
        const auto value = std::make_shared<const std::string>(plan.texts[0]);
        std::vector<Item> items = {Item{kEverybody, {"/shared/a", nullptr}}, Item{kAlice, {"/private/b", value}},
                                   Item{kEverybody, {"/shared/c", value}}};
        if (plan.request.mode == FlagMode::remove) items.back().entry.value = nullptr;
        co_return told(co_await mail.set_metadata(box->id, std::move(items), 0));
      }
      case Kind::rename: co_return told(co_await mail.rename(plan.box, plan.to));
    }
  }

  /// One operation, or several that arrive at the same time and so share a group of the log.
  void work() {
    std::vector<Operation> plans = {plan()};
    // What RocksDB has not in memory is read by the pool: then who came first may be second, which the model can't
    // know.
    const bool arrives =
        options_.state == store::StateKind::sorted && (plans[0].kind == Kind::deliver || plans[0].kind == Kind::append);
    for (std::uint64_t more = arrives ? random_.below(6) : 0; more > 0;) {
      Operation another = plan();
      if (another.kind != Kind::deliver && another.kind != Kind::append) continue;
      plans.push_back(std::move(another));
      --more;
    }
    std::vector<std::optional<Result<>>> outcomes(plans.size());
    std::optional<Result<KeyRotation>> rotated;
    if (rotating_) loop_.spawn(rotate_account(mail_, rotated));
    for (std::size_t i = 0; i < plans.size(); ++i) loop_.spawn(perform(*mail_store_, *mail_, plans[i], outcomes[i]));
    drive([&] {
      return std::ranges::all_of(outcomes, [](const auto& outcome) { return outcome.has_value(); }) &&
             (!rotating_ || rotated.has_value());
    });
    if (rotated && *rotated && (*rotated)->damaged != 0) blame("emails do not open any more");
    Model model = model_;
    bool sure = true;
    bool whole = true;
    for (std::size_t i = 0; i < plans.size(); ++i) {
      if (!outcomes[i]) return blame("an operation did not end");
      const Result<>& outcome = *outcomes[i];
      if (outcome && !sure) return blame("an operation was acknowledged after one that was not");
      const bool refused =
          !outcome && (outcome.error().is(store::kStoreFull) || outcome.error().is(store::kInputOutput));
      // Mail that found no room was no part of anything else; any other change that is refused leaves an account that
      // has to be loaded anew.
      const bool adds = plans[i].kind == Kind::deliver || plans[i].kind == Kind::append;
      whole = whole && (outcome || (adds && outcome.error().is(store::kStoreFull)));
      // It is not there, and the numbers it took stay unused.
      if (refused) continue;
      if (!outcome && !outcome.error().is(store::kStopped))
        return blame("an operation failed: " + outcome.error().text());
      do_in(model, plans[i]);
      if (outcome) {
        ++counts_.acknowledged;
        candidates_ = {model};
      } else {
        candidates_.push_back(model);
        sure = false;
      }
    }
    if (failed()) return;
    if (!whole) take_account();
    if (wrong_.empty() && !failed()) settle();
  }

  /// Keys change and nothing else; the disk may fail at any step.
  void rotate() {
    if (random_.below(2) == 0) {
      // Nothing is on its way.
      const auto done = keys_->rotate_server_key();
      if (!done && !done.error().is(store::kStoreFull) && !failed()) blame("the server's key: " + done.error().text());
    } else {
      rotating_ = true;
      work();
      rotating_ = false;
    }
  }
  static io::Task<> rotate_account(AccountMailPtr mail, std::optional<Result<KeyRotation>>& outcome) {
    outcome.emplace(co_await mail->rotate_key());
  }
  /// In the end all keys are new ones.
  void check_end() override {
    disk_->arm({});
    if (!keys_ || failed()) return;
    const auto done = finish(mail_->rotate_key());
    const auto server = keys_->rotate_server_key();
    if (failed() || !done) return;
    if (!*done) return blame("the last rotation: " + done->error().text());
    if ((*done)->damaged != 0) return blame("emails do not open any more");
    const auto ids = keyring::Keys::ids(*tablet_, kAlice);
    if (!ids || ids->size() > 1) return blame("a key of before is there");
    if (server && keyring::Keys::wrappings(*tablet_)->by.size() > 1)
      return blame("a version of before wraps something");
    close();
    if (open()) check();
  }

  io::SimulatedLoop loop_;
  io::Pool pool_{{.name = "test"}};
  Records records_;
  bool rotating_ = false;  // beside what is done next
  const std::string keys_folder_;
  std::unique_ptr<keyring::Keys> keys_;
  std::unique_ptr<MailboxStore> mail_store_;
  AccountMailPtr mail_;

  Model model_;                    // as last seen
  std::vector<Model> candidates_;  // what may be there: all that was acknowledged, and more and more of the rest
  std::set<std::uint32_t> validities_;
  Modseq modseq_ = 0;
  std::uint64_t texts_ = 0;
};

/// A folder for the server's key, of all schedules.
const std::string& keys_folder() {
  static const std::string folder = [] {
    std::string made = "/tmp/angarium-crash-XXXXXX";
    REQUIRE(::mkdtemp(made.data()) != nullptr);
    return made;
  }();
  return folder;
}

class SealedMailSchedule final : public MailSchedule {
 public:
  SealedMailSchedule(std::uint64_t seed, store::StateKind state) : MailSchedule(seed, state, keys_folder()) {}
};

constexpr std::uint64_t kSanitizerShare = 10;

}  // namespace

TEST_CASE("crashes, torn writes, failed syncs, full disks and lost tables lose no mail: sorted state") {
  store::testing::run_schedules<MailSchedule>(store::testing::schedules(150, kSanitizerShare),
                                              store::StateKind::sorted);
}

TEST_CASE("crashes, torn writes, failed syncs, full disks and lost tables lose no mail: RocksDB") {
  store::testing::run_schedules<MailSchedule>(store::testing::schedules(20, kSanitizerShare),
                                              store::StateKind::rocksdb);
}

TEST_CASE("crashes, torn writes, failed syncs, full disks and lost tables lose no mail: sealed") {
  store::testing::run_schedules<SealedMailSchedule>(store::testing::schedules(50, kSanitizerShare),
                                                    store::StateKind::sorted);
  std::filesystem::remove_all(keys_folder());
}
