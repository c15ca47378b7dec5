/** The API's description, shown by Swagger UI from our own origin; whoever is signed in may try it out. */
import SwaggerUI from "swagger-ui-dist/swagger-ui-es-bundle.js";
import "swagger-ui-dist/swagger-ui.css";

SwaggerUI({
  url: "/openapi.json",
  dom_id: "#docs",
  deepLinking: true,
  docExpansion: "list",
  filter: true,
  // Neither a validator nor anybody else is asked about this installation.
  validatorUrl: null,
});
