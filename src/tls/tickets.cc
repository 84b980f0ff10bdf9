#include "tls/tickets.hh"

#include <map>
#include <memory>

#include "tls/openssl.hh"

namespace polis::tls {
namespace {

using Session = std::unique_ptr<SSL_SESSION, Freer<SSL_SESSION_free>>;
using Sessions = std::map<std::string, Session>;

// OpenSSL calls these when the object that bears the extra data is freed.
void free_sessions(void*, void* sessions, CRYPTO_EX_DATA*, int, long, void*) {
  delete static_cast<Sessions*>(sessions);
}
void free_server(void*, void* server, CRYPTO_EX_DATA*, int, long, void*) {
  delete static_cast<std::string*>(server);
}

int sessions_slot() {
  static const int slot = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, free_sessions);
  return slot;
}
int server_slot() {
  static const int slot = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, free_server);
  return slot;
}

Sessions* sessions_of(SSL* connection) {
  return static_cast<Sessions*>(SSL_CTX_get_ex_data(SSL_get_SSL_CTX(connection), sessions_slot()));
}

int on_new_session(SSL* connection, SSL_SESSION* given) {
  Session session(given);
  const auto* server = static_cast<std::string*>(SSL_get_ex_data(connection, server_slot()));
  Sessions* sessions = sessions_of(connection);
  if (server == nullptr || sessions == nullptr) return 1;
  if (sessions->size() >= kTicketsMax && !sessions->contains(*server))
    sessions->erase(sessions->begin());
  (*sessions)[*server] = std::move(session);
  return 1;  // it is ours now
}

}  // namespace

void keep_tickets(SSL_CTX* context) {
  SSL_CTX_set_ex_data(context, sessions_slot(), new Sessions());
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
  SSL_CTX_sess_set_new_cb(context, on_new_session);
}

void use_ticket(SSL* connection, const std::string& server) {
  SSL_set_ex_data(connection, server_slot(), new std::string(server));
  Sessions* sessions = sessions_of(connection);
  if (sessions == nullptr) return;
  auto found = sessions->find(server);
  if (found == sessions->end()) return;
  const Session session = std::move(found->second);
  sessions->erase(found);
  SSL_set_session(connection, session.get());
}

}  // namespace polis::tls
