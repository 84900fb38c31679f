#include "protocol/imap/testing.h"

namespace angarium::protocol::imap::testing {

std::shared_ptr<MemoryStore> make_store() {
  auto store = std::make_shared<MemoryStore>();
  auto& fred = store->add_account("fred", "secret");
  store->add_account("wilma", "secret");
  store->add_account("club", "secret");
  store->public_account = "club";
  MemoryStore::deliver(fred, "INBOX", std::string(kPlain));
  MemoryStore::deliver(fred, "INBOX", std::string(kParts), {.system = kSeen, .keywords = {}});
  MemoryStore::deliver(fred, "INBOX", std::string(kPlain), {.system = kFlagged, .keywords = {"$Work"}});
  return store;
}

io::Task<> serve(std::shared_ptr<MemoryStore> store, std::shared_ptr<const ServerOptions> options,
                 MemoryAuthenticator::Plaintext plaintext, wire::Connection& connection) {
  MemoryAuthenticator authenticator(*store, connection, plaintext);
  Server server(connection, authenticator, *options);
  co_await server.run();
}

}  // namespace angarium::protocol::imap::testing
