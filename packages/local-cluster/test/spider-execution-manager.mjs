import './fake-service.mjs';
