#pragma once

// Sessions that servers gave the client side, so that the next connection to the same server is
// made without certificates (RFC 8446, section 2.2).
//
// Threads: the loop's. Life: the sessions live as long as the context to which they were attached.

#include <openssl/ssl.h>

#include <string>

namespace polis::tls {

// Servers whose sessions a context keeps; a new one then takes the place of some other.
inline constexpr std::size_t kTicketsMax = 512;

// From now on `context` keeps one session for each server.
void keep_tickets(SSL_CTX* context);
// Before the handshake: offers the session of `server`, if there is one, and keeps the one that the
// server gives. A session is offered once (RFC 8446, appendix C.4).
void use_ticket(SSL* connection, const std::string& server);

}  // namespace polis::tls
