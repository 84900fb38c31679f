#include "simulation/server.h"

#include <fmt/format.h>

#include <filesystem>

#include "agent/settings.h"
#include "agent/transaction.h"
#include "mailbox/verify.h"
#include "protocol/smtp/server.h"
#include "simulation/witness.h"
#include "wire/connection/connection.h"

namespace angarium::simulation {
namespace {

namespace smtp = protocol::smtp;
using namespace std::chrono_literals;

/// A batch that found the disk full is tried again within this time (the courier's pause).
constexpr Duration kTriedAgain = 10s;
/// The file of the server's key in its folder, and where it is while it is lost.
constexpr const char* kKeyFile = "/keys/server.keys";
constexpr const char* kKeyAway = "/away";
/// How often the store looks around without being called.
constexpr Duration kKept = 1s;

std::shared_ptr<const agent::CourierTerms> terms_of(const Server::Setting& setting) {
  auto remote = std::make_shared<agent::RemoteTerms>();
  remote->hostname = setting.host;
  remote->hosts.own_names = {setting.host};
  remote->times = {.greeting = 40s,
                   .hello = 40s,
                   .mail = 40s,
                   .rcpt = 40s,
                   .data = 20s,
                   .block = 30s,
                   .end_of_data = 80s,
                   .quit = 5s};
  auto terms = std::make_shared<agent::CourierTerms>();
  terms->remote = std::move(remote);
  terms->transports = *route::TransportMap::make({});
  terms->reports = {.hostname = setting.host, .lifetime = setting.lifetime, .notice_after = setting.notice_after};
  terms->retry_first = 30s;
  terms->retry_longest = 4min;
  return terms;
}

configuration::Configuration configuration_of(const Server::Setting& setting) {
  configuration::Configuration c;
  c.server.hostname = setting.host;
  c.directory = setting.keys;
  c.store.encryption = !setting.keys.empty();
  c.store.reserve = static_cast<decltype(c.store.reserve)>(setting.reserve);
  c.auth.argon2_memory_kib = 64;
  c.auth.argon2_passes = 1;
  c.smtp.relay_networks = setting.relay_networks;
  c.smtp.relay_domains = setting.relay_domains;
  c.smtp.command_timeout = 1min;
  c.smtp.data_timeout = 40s;
  return c;
}

}  // namespace

// --- a life ---------------------------------------------------------------------------------------------------------

/// The network as one life of a server sees it.
class Life::Wire final : public io::Network {
 public:
  explicit Wire(Life& life) : life_(life) {}
  io::Task<Result<std::unique_ptr<io::Stream>>> connect(io::Endpoint to, io::ConnectOptions options) override {
    if (life_.dead_) co_return fail(io::kUnreachable, "this server is dead");
    auto stream = co_await life_.server_.place().connect(std::move(to), options);
    if (!stream) co_return stream;
    if (life_.dead_) co_return fail(io::kUnreachable, "this server is dead");
    co_return overheard(*std::move(stream), [&life = life_](std::string_view line) {
      // A store that has stopped takes nothing down.
      if (!life.dead_ && life.services_->tablet().running())
        life.around_.ledger.hear(life.server_.setting().number, line, life.around_.loop.now());
    });
  }

 private:
  Life& life_;
};

Life::Life(Server& server, std::unique_ptr<agent::Services> services)
    : server_(server),
      around_(server.around_),
      services_(std::move(services)),
      wire_(std::make_unique<Wire>(*this)),
      courier_(std::make_unique<agent::Courier>(
          *services_, *wire_, *server.resolver_, [&server] { return server.terms_; }, agent::Courier::Rank::leads)) {}

Life::~Life() = default;

void Life::start(io::Task<> task) {
  ++tasks_;
  around_.loop.spawn([](io::Task<> inner, std::size_t& count) -> io::Task<> {
    co_await std::move(inner);
    --count;
  }(std::move(task), tasks_));
}

void Life::begin() {
  services_->on_queued([this] { courier_->ring(); });
  server_.place().set_state(io::MemoryNetwork::Host::State::up);
  server_.place().listen(io::Endpoint(server_.place().addresses().front(), 25),
                         [this](std::unique_ptr<io::Stream> stream) { start(serve(std::move(stream))); });
  start(courier_->run());
  start(keep());
}

void Life::die() {
  dead_ = true;
  ++breaks_;
  courier_->stop();
  // Whoever waits for the disk hears that it is gone.
  while (services_->tablet().commit_waiting()) {
  }
}

void Life::batch_waits() {
  if (std::exchange(commit_due_, true)) return;
  start(commit_soon());
}

io::Task<> Life::commit_soon() {
  const auto most = static_cast<std::uint64_t>(server_.setting().commit_max.count());
  // Now and then a disk thinks.
  const std::uint64_t takes = around_.chance.below(50) == 0 ? 100 * most : 1 + around_.chance.below(most);
  if (!dead_) co_await around_.loop.sleep_for(Duration(static_cast<std::int64_t>(takes)));
  commit_due_ = false;
  commit();
}

void Life::commit() {
  const std::uint64_t before = breaks_;
  const std::uint64_t sequence = services_->tablet().sequence();
  while (services_->tablet().commit_waiting()) {
  }
  if (dead_ || breaks_ != before || services_->tablet().sequence() == sequence) return;
  around_.journal.note(server_.name(),
                       fmt::format("batches {} to {} are durable", sequence + 1, services_->tablet().sequence()));
  if (!server_.refuses()) around_.ledger.durable(server_.setting().number, around_.loop.now());
}

void Life::store_stopped() {
  ++breaks_;
  if (dead_) return;
  around_.journal.note(server_.name(), "its store stops");
  around_.ledger.forget(server_.setting().number);
}

/// What the store's own threads do now and then: mending, housekeeping.
io::Task<> Life::keep() {
  while (!dead_) {
    co_await around_.loop.sleep_for(kKept);
    if (!dead_) commit();
  }
}

void Life::rotate(Rotation whose) {
  if (!dead_) start(rotating(whose));
}

io::Task<> Life::rotating(Rotation whose) {
  ++server_.rotations_.begun;
  bool ended = false;
  switch (whose) {
    case Rotation::of_server:
      around_.journal.note(server_.name(), "rotates its key");
      // It waits for nobody: time stands still meanwhile.
      ended = services_->keys().rotate_server_key({}, Duration(0)).has_value();
      break;
    case Rotation::of_account: {
      const auto& accounts = server_.setting().accounts;
      const std::string address = accounts[around_.chance.below(accounts.size())] + "@" + server_.setting().domain;
      around_.journal.note(server_.name(), "rotates the key of " + address);
      const auto account = services_->directory().account(address);
      if (!account || !*account) break;
      const auto mail = co_await services_->mail().account((*account)->id);
      if (mail) ended = (co_await (*mail)->rotate_key()).has_value();
      break;
    }
    case Rotation::of_queue:
      around_.journal.note(server_.name(), "rotates the key of its queue");
      ended = (co_await services_->body_keys().rotate()).has_value();
  }
  if (ended && !dead_) ++server_.rotations_.ended;
}

io::Task<> Life::serve(std::unique_ptr<io::Stream> stream) {
  auto connection = wire::plain_connection(std::move(stream));
  const agent::SmtpDesk desk{.services = *services_,
                             .budget = budget_,
                             .rate = rate_,
                             .policy = server_.policy_,
                             .outbound = server_.terms_,
                             .relay_networks = *agent::read_networks(server_.configuration_.smtp.relay_networks),
                             .relay_domains = agent::RelayDomains(server_.setting().relay_domains)};
  Witness session(std::make_unique<agent::SmtpSession>(desk, connection->peer()),
                  {.ledger = around_.ledger,
                   .from = around_.who(connection->peer().address()),
                   .to = server_.setting().number,
                   .breaks = [this] { return breaks_; }});
  co_await smtp::serve(*connection, session, desk.policy);
  connection->close();
}

// --- a server -------------------------------------------------------------------------------------------------------

Server::Server(Around& around, io::MemoryNetwork::Host& place, Setting setting, std::uint64_t seed, std::string zones)
    : around_(around),
      place_(place),
      setting_(std::move(setting)),
      configuration_(configuration_of(setting_)),
      terms_(terms_of(setting_)),
      policy_(agent::smtp_policy(configuration_, smtp::Role::mx, smtp::TlsUse::none)),
      random_(seed),
      disk_(std::make_shared<store::FaultyDisk>(seed + 1)),
      resolver_(*io::MemoryResolver::make(around.loop, zones, {.seed = seed + 2})) {}

store::TabletOptions Server::store_options(const std::shared_ptr<Life*>& life) {
  store::TabletOptions options;
  options.state = store::StateKind::sorted;
  options.threads = store::Threads::none;
  options.clock = &around_.loop.clock();
  options.random = &random_;
  options.segment_size = 128u << 10;
  options.flush_batches = 40;
  options.reserve_share = 0;
  options.on_waiting = [life] {
    if (*life != nullptr) (*life)->batch_waits();
  };
  options.on_stop = [life](const Error&) {
    if (*life != nullptr) (*life)->store_stopped();
  };
  return options;
}

bool Server::live() {
  std::erase_if(past_, [](const auto& life) { return life->over(); });
  auto volume = store::open_faulty_volume(disk_);
  if (!volume) {
    around_.journal.blame(name() + " finds its disk locked: " + volume.error().text());
    return false;
  }
  const auto life = std::make_shared<Life*>(nullptr);
  auto services = agent::Services::open_on({.volume = *std::move(volume),
                                            .store = store_options(life),
                                            .clock = &around_.loop.clock(),
                                            .random = &random_,
                                            .work = agent::Services::Ground::Work::on_the_loop},
                                           configuration_);
  if (!services) {
    around_.journal.note(name(), "does not start: " + services.error().text());
    if (services.error().is(store::kDamaged) || services.error().is(store::kFormat))
      around_.journal.blame(name() + " is damaged after a crash: " + services.error().text());
    return false;
  }
  life_ = std::make_unique<Life>(*this, *std::move(services));
  *life = life_.get();
  around_.journal.note(name(), "lives");
  if (disk_->crashed()) return true;
  settle_in();
  life_->begin();
  return true;
}

/// Its domain and users, once.
void Server::settle_in() {
  agent::Services& services = life_->services();
  const auto there = services.directory().domain(setting_.domain);
  if (!there || there->has_value()) return;
  bool made = services.directory().add_domain(setting_.domain).has_value();
  std::vector<std::string> targets;
  for (const std::string& account : setting_.accounts) {
    targets.push_back(account + "@" + setting_.domain);
    made = made &&
           services.directory().add_account({.address = targets.back(), .name = {}, .quota = {}, .credentials = {}},
                                            [&](const account::Account& one, store::Batch& batch) {
                                              services.mail().create_account(one.id, {}, batch);
                                            });
  }
  made = made && services.directory().add_alias("all@" + setting_.domain, account::Alias::Kind::group,
                                                {targets[0], targets[1]});
  if (!made) around_.journal.blame(name() + " cannot be set up");
}

void Server::die(Death how) {
  if (!life_) return;
  around_.journal.note(name(), how == Death::kill ? "is killed" : how == Death::power ? "loses its power" : "crashes");
  place_.set_state(how == Death::power ? io::MemoryNetwork::Host::State::gone
                                       : io::MemoryNetwork::Host::State::stopped);
  if (how == Death::kill && !disk_->crashed()) {
    disk_->kill();
  } else {
    disk_->crash();
  }
  around_.ledger.forget(setting_.number);
  life_->die();
  past_.push_back(std::move(life_));
}

void Server::close() {
  if (!life_) return;
  around_.journal.note(name(), "is stopped");
  place_.set_state(io::MemoryNetwork::Host::State::stopped);
  around_.ledger.forget(setting_.number);
  life_->die();
  // What is left waits for replies that will not come.
  for (int i = 0; i < 300 && !life_->over(); ++i) around_.loop.advance(1s);
  if (!life_->over()) around_.journal.blame(name() + " does not come to an end");
  life_.reset();
}

void Server::set_full(bool full) {
  full_ = full;
  room_again_ = around_.loop.now() + kTriedAgain;
  std::uint64_t used = 0;
  for (const store::FileEntry& file : disk_->files()) used += file.size;
  disk_->set_capacity(full ? used + around_.chance.below(40'000) : UINT64_MAX);
}

bool Server::refuses() const { return full_ || around_.loop.now() < room_again_; }

template <class T>
std::optional<T> Server::run(io::Task<T> task) {
  std::optional<T> result;
  around_.loop.spawn([](io::Task<T> inner, std::optional<T>& into) -> io::Task<> {
    into.emplace(co_await std::move(inner));
  }(std::move(task), result));
  around_.loop.settle();
  return result;
}

/// With what waits for its time.
template <class T>
std::optional<T> Server::run_in_time(io::Task<T> task) {
  std::optional<T> result;
  around_.loop.spawn([](io::Task<T> inner, std::optional<T>& into) -> io::Task<> {
    into.emplace(co_await std::move(inner));
  }(std::move(task), result));
  for (int i = 0; i < 300 && !result; ++i) around_.loop.advance(1s);
  return result;
}

void Server::lose_key() {
  std::error_code ignored;
  std::filesystem::rename(setting_.keys + kKeyFile, setting_.keys + kKeyAway, ignored);
}

void Server::bring_key_back() {
  std::error_code ignored;
  if (std::filesystem::exists(setting_.keys + kKeyFile, ignored))
    std::filesystem::remove(setting_.keys + kKeyAway, ignored);
  else
    std::filesystem::rename(setting_.keys + kKeyAway, setting_.keys + kKeyFile, ignored);
}

void Server::rotate_all() {
  agent::Services& services = life_->services();
  const auto blame = [this](const std::string& what) { around_.journal.blame(name() + ": " + what); };
  for (const std::string& account : setting_.accounts) {
    const auto found = services.directory().account(account + "@" + setting_.domain);
    const auto mail = run(services.mail().account((*found)->id));
    if (!mail || !*mail) return blame(account + " cannot be opened");
    const auto done = run_in_time((**mail)->rotate_key());
    if (!done || !*done || (*done)->damaged != 0) return blame("the key of " + account + " is not rotated");
    if (keyring::Keys::ids(services.tablet(), (*found)->id)->size() > 1) blame(account + " has an old key");
  }
  const auto queue = run_in_time(services.body_keys().rotate());
  if (!queue || !*queue) return blame("the key of the queue is not rotated");
  if (keyring::Keys::ids(services.tablet(), keyring::kQueue)->size() > 1) blame("the empty queue has an old key");
  const auto server = services.keys().rotate_server_key({}, Duration(0));
  if (!server) return blame("its key is not rotated: " + server.error().text());
  for (const auto& [version, count] : keyring::Keys::wrappings(services.tablet())->by)
    if (version != server->version) blame("a version of before wraps a key");
  if (services.keys().versions()->size() != 1) blame("the file of its key has two versions");
}

bool Server::empty() {
  const auto listed = run(life_->services().queue().list(queue::DeliveryId(0), 1));
  return listed && *listed && (*listed)->empty();
}

void Server::read_box(const std::string& account, std::vector<Stored>& into) {
  const std::string box = account + "@" + setting_.domain;
  agent::Services& services = life_->services();
  const auto found = services.directory().account(box);
  const auto mail = run(services.mail().account((*found)->id));
  if (!mail || !*mail) return around_.journal.blame(box + " cannot be opened");
  const auto view = run((**mail)->view((**mail)->listing()->find("INBOX")->id));
  if (!view || !*view) return around_.journal.blame(box + " cannot be read");
  mailbox::Uid last = 0;
  for (std::uint32_t i = 1; i <= (**view)->size(); ++i) {
    const mailbox::Entry& entry = (**view)->at(i);
    const auto email = run((**mail)->email(entry.email));
    const auto text = email && *email ? run((**mail)->read(**email, 0, SIZE_MAX / 2)) : std::nullopt;
    if (!text || !*text) return around_.journal.blame(box + ": a message cannot be read");
    const std::string token = token_of(**text);
    const auto [known, first] = uids_.try_emplace({account, entry.uid}, token);
    if (entry.uid <= last || known->second != token || entry.flag_bits != 0)
      around_.journal.blame(fmt::format("{}: UID {} was {} and is {}", box, entry.uid, known->second, token));
    last = entry.uid;
    into.push_back({box, **text});
  }
  // None is ever taken away.
  for (const auto& [which, token] : uids_)
    if (which.first == account && (**view)->find(which.second) == nullptr)
      around_.journal.blame(fmt::format("{}: UID {} is gone", box, which.second));
}

std::vector<Stored> Server::look() {
  std::vector<Stored> all;
  for (const std::string& account : setting_.accounts) read_box(account, all);
  const auto store = life_->services().tablet().verify();
  if (!store || !store->damage.empty())
    around_.journal.blame(name() + ": the store: " + (store ? store->damage.front() : store.error().text()));
  const auto mail = mailbox::verify_mail(life_->services().tablet());
  if (!mail || !mail->damage.empty())
    around_.journal.blame(name() + ": the mail: " + (mail ? mail->damage.front() : mail.error().text()));
  return all;
}

}  // namespace angarium::simulation
